package starts_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// asRoot makes it a start by root in a mount namespace of its own, in which a shell script prepares the machine. The
// script ends with "$@", which is the start.
func (s *start) asRoot(script string) *start {
	s.Args = append([]string{"unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh", s.Path}, s.Args[1:]...)
	s.Path, s.Err = exec.LookPath("unshare")
	s.SysProcAttr = nil
	return s
}

const withoutProc = `mount -t tmpfs none /proc; `

var asUser = "exec " + testkit.UserLine(itoa(user), itoa(user)) + ` "$@"`

// TestFoldersThatCannotBeGiven: if root starts a Worker for another user, what it makes must be that user's.
func TestFoldersThatCannotBeGiven(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	for _, c := range []struct {
		call, says string
		store      bool // is there already
	}{
		{"fchown", "chown", false},
		{"fchown", "chown", true},
		{"fchmod", "chmod", false},
		{"fchmod", "chmod", true},
	} {
		s := ordinary(t, testkit.Binary(t))
		do(t, os.Chmod(s.temp, 0o755|os.ModeSetgid)) // which mkdir cannot give
		if c.store {
			do(t, os.Mkdir(s.store, 0o700), os.Chown(s.store, user, user))
		}
		start := command(nil, deny, denial(c.call, unix.EIO), "--", s.worker, s.worker, "-c", "echo started")
		start.SysProcAttr = nil
		code := start.end(t)
		oneLine(t, start.err.String(), c.says+" "+s.store, "input/output error")
		if code != 125 || start.out.String() != "" {
			t.Errorf("%+v: exit code %d, %q", c, code, &start.out)
		}
	}
}

// TestSweepThatFails is recorded, and leaves everything.
func TestSweepThatFails(t *testing.T) {
	binary := testkit.Binary(t)
	deny, s := compile(t, "deny", testkit.Dir(t)), ordinary(t, binary)
	s.leaveMore(t)
	diag := filepath.Join(s.root, "_diag")
	for says, c := range map[string]*start{
		"input/output error":                command(nil, deny, denial("getdents64", unix.EIO), "--", binary, "worker-wrap", sweeper.Command, s.store, diag),
		"/proc shows another PID namespace": command(nil, binary, sweeper.Command, s.store, diag).asRoot(withoutProc + `exec "$@"`),
	} {
		c.SysProcAttr = nil
		code := c.end(t)
		oneLine(t, c.err.String(), says)
		if left := entries(t, s.store); code != 125 || len(left) != 1 {
			t.Errorf("%s: exit code %d, left are %q", says, code, left)
		}
	}
	if e := s.last(t, events.Sweep); e.Outcome != events.Failed || !strings.Contains(e.Error, "input/output error") {
		t.Errorf("the event log has %+v", e)
	}
}

// TestSweepWithoutNoReplace: a file system that cannot rename without replacing is no reason to keep anything.
func TestSweepWithoutNoReplace(t *testing.T) {
	deny, s := compile(t, "deny", testkit.Dir(t)), ordinary(t, capable(t))
	s.leaveMore(t)
	c := command(nil, s.worker, "-c", "true").under(deny, denial("renameat2", unix.EINVAL))
	if code := c.end(t); code != 0 || c.err.String() != "" {
		t.Errorf("exit code %d: %s", code, &c.err)
	}
	eventually(t, func() error {
		if found, _ := filepath.Glob(s.store + "/*/some"); len(found) > 0 {
			return errors.New("left is " + found[0])
		}
		return nil
	})
}

// TestOverlapWithoutSight: a start that cannot tell whether it is alone has a _temp of its own, or none.
func TestOverlapWithoutSight(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	s := ordinary(t, shim)
	c := command([]string{"ISOLATE=overlap"}, shim, "--temp", s.temp, "--", "sh", "-c", s.script()).under(deny, denial("getdents64", unix.EIO))
	if code := c.end(t); code != 0 || s.started(c) != "isolated" {
		t.Errorf("exit code %d, %q, %s", code, s.started(c), &c.err)
	}

	c = command([]string{"ISOLATE=overlap"}, shim, "--temp", s.temp, "--", "sh", "-c", s.script()).asRoot(withoutProc + asUser)
	code := c.end(t)
	oneLine(t, c.err.String(), "/proc shows another PID namespace")
	if code != 125 || s.started(c) != "" {
		t.Errorf("without /proc: exit code %d, %q", code, &c.out)
	}

	for says, spoil := range map[string]func(scratch) string{
		"is not a folder": func(s scratch) string { return perpid.Path(s.temp) },
		"not a directory": func(s scratch) string { return s.temp },
	} {
		s := ordinary(t, shim)
		path := spoil(s)
		for _, path := range []string{path, s.store} { // that one is passed over
			do(t, os.RemoveAll(path), os.WriteFile(path, nil, 0o600), os.Chown(path, user, user))
		}
		code, out, stderr := s.run(t, "echo started", "ISOLATE=overlap")
		oneLine(t, stderr, path, says)
		if code != 125 || out != "" {
			t.Errorf("%s: exit code %d, %q", path, code, out)
		}
	}
}

// TestWaitWithoutSight: without /proc nobody can be waited for, which is said, and nothing is started.
func TestWaitWithoutSight(t *testing.T) {
	s := ordinary(t, capable(t))
	c := command([]string{"WAIT=20s"}, s.worker, "-c", "echo started").asRoot(withoutProc + asUser)
	code := c.end(t)
	oneLine(t, c.err.String(), "not started", "/proc shows another PID namespace")
	if code != 125 || c.out.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
}

// TestFallbackKeepsTheOrderToDie: the order to be killed with the parent is the thread's own, and another thread becomes
// the program.
func TestFallbackKeepsTheOrderToDie(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	setpriv := testkit.RequireTool(t, "setpriv", "util-linux")
	c := command([]string{"FALLBACK=run"}, setpriv, "--pdeathsig", "USR1", s.worker, "-c", "exec setpriv --dump")
	code := c.end(t)
	oneLine(t, c.err.String(), "WITHOUT a _temp of its own")
	if code != 0 || !strings.Contains(c.out.String(), "Parent death signal: USR1\n") {
		t.Errorf("exit code %d:\n%s", code, &c.out)
	}
}

// TestFallbackWithoutAWorker: what cannot be opened is not started in the plain _temp either, and one line says so.
func TestFallbackWithoutAWorker(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	real := filepath.Join(filepath.Dir(s.worker), "Runner.Worker.real")
	do(t, os.Remove(real), os.Symlink("Runner.Worker.real", real))
	code, _, stderr := s.run(t, "true", "FALLBACK=run")
	oneLine(t, stderr, "this job was not started: ", "too many levels of symbolic links")
	if code != 125 {
		t.Errorf("exit code %d", code)
	}
}

// chrooted has the user start in a chroot, under which is not all of /, which may have the mark of a container.
func (c *start) chrooted(t *testing.T) *start {
	t.Helper()
	return c.asRoot(`root=` + testkit.Dir(t) + `
		for dir in usr var dev proc; do mkdir "$root/$dir"; mount --rbind "/$dir" "$root/$dir"; done
		for dir in bin lib lib64; do
			if [ -L "/$dir" ]; then ln -s "usr/$dir" "$root/$dir"; else mkdir "$root/$dir"; mount --rbind "/$dir" "$root/$dir"; fi
		done
		exec chroot "$root" ` + testkit.UserLine(itoa(user), itoa(user)) + ` "$@"`)
}

// TestUsernsInAChroot: the kernel makes none there (user_namespaces(7)), and that is said.
func TestUsernsInAChroot(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	c := command([]string{"USERNS=1"}, s.worker, "-c", "echo started").chrooted(t)
	code := c.end(t)
	oneLine(t, c.err.String(), "cannot make a user namespace: operation not permitted", "makes none in a chroot")
	if code != 125 || c.out.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
}

// TestDockerInAChroot: a job that has a Docker socket starts there, and the proxy's lies over it.
func TestDockerInAChroot(t *testing.T) {
	s := ordinary(t, capable(t))
	socket := filepath.Join(s.root, "docker.sock")
	listener, err := net.Listen("unix", socket)
	do(t, err, os.Chown(socket, user, user))
	defer listener.Close()
	var st unix.Stat_t
	do(t, unix.Stat(socket, &st))
	c := command(nil, s.worker, "-c", `stat -c %i "$DOCKER_HOST_PATH"`)
	c.Env = append(c.Env, "DOCKER_HOST=unix://"+socket, "DOCKER_HOST_PATH="+socket)
	code := c.chrooted(t).end(t)
	if code != 0 || c.err.String() != "" || c.out.String() == fmt.Sprintln(st.Ino) {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	s.gone(t, "after the Worker")
}
