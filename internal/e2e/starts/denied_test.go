package starts_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// denial makes the calls of a name fail, those only whose arguments are as told, in the syntax of
// testdata/deny.c.
func denial(call string, errno unix.Errno, arguments ...string) string {
	return strings.Join(append([]string{call, fmt.Sprint(int(errno))}, arguments...), ":")
}

// argument is the condition that some bits of an argument have the value given.
func argument(index int, mask, value uint32) string {
	return fmt.Sprintf("%d&%d=%d", index, int32(mask), int32(value))
}

const whole = ^uint32(0)

// under makes a start one to which calls are denied.
func (s *start) under(deny string, denials ...string) *start {
	s.Args = append(append([]string{deny, fmt.Sprintf("uid=%d", user)}, denials...), append([]string{"--", s.Path}, s.Args...)...)
	s.Path = deny
	s.SysProcAttr = nil
	return s
}

// started is how a start of the script `echo started; : > mark` in _temp went: "isolated", "plain", or "" where it was
// not started.
func (s scratch) started(c *start) string {
	switch {
	case !strings.HasPrefix(c.out.String(), "started\n"):
		return ""
	case os.Remove(filepath.Join(s.temp, "mark")) == nil:
		return "plain"
	}
	return "isolated"
}

func (s scratch) script() string { return "echo started; : > " + filepath.Join(s.temp, "mark") }

// leaveMore leaves the folder of a dead Worker that is too much to be deleted at once.
func (s scratch) leaveMore(t *testing.T) {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o.Start++
	dir := filepath.Join(s.store, o.String(), "some", "folder")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, s.store, user)
}

// TestNoSweep: if the process that deletes what others left cannot be made, the start goes on, and says so only where
// it is asked for everything.
func TestNoSweep(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	for name, c := range map[string]struct {
		denials []string
		why     string
	}{
		"no /dev/null":        {[]string{denial("openat", unix.EMFILE, argument(2, whole, unix.O_RDWR|unix.O_CLOEXEC))}, "open /dev/null: too many open files"},
		"no descriptor":       {[]string{denial("fcntl", unix.EMFILE, argument(1, whole, unix.F_DUPFD_CLOEXEC), argument(2, whole, 3))}, "too many open files"},
		"no process":          {[]string{denial("clone", unix.EAGAIN, argument(0, whole, unix.CLONE_VM|unix.CLONE_VFORK))}, "clone: resource temporarily unavailable"},
		"no second process":   {[]string{denial("clone", unix.EAGAIN, argument(0, whole, unix.CLONE_VM|unix.CLONE_CHILD_CLEARTID|uint32(unix.SIGCHLD)))}, "clone: resource temporarily unavailable"},
		"nothing to wait for": {[]string{denial("wait4", unix.ECHILD, argument(2, whole, unix.WALL))}, "wait4: no child processes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := ordinary(t, shim)
			s.leaveMore(t)
			start := command([]string{"LOG=debug"}, s.worker, "-c", s.script()).under(deny, c.denials...)
			if code := start.end(t); code != 0 || s.started(start) != "isolated" {
				t.Errorf("exit code %d, %q: %s", code, &start.out, &start.err)
			}
			if text := start.err.String(); c.why != "" && (!strings.Contains(text, " stay: ") || !strings.Contains(text, c.why)) {
				t.Errorf("want why leftovers stay, %q:\n%s", c.why, text)
			}
			start = command(nil, s.worker, "-c", s.script()).under(deny, c.denials...)
			if code := start.end(t); code != 0 || s.started(start) != "isolated" || start.err.String() != "" {
				t.Errorf("exit code %d, %q: %s", code, &start.out, &start.err)
			}
			s.gone(t, "after the starts")
		})
	}
}

// TestSweepDenied: on a kernel that can't close all descriptors at once they are closed one by one. A filter that ends
// whoever changes priorities, as ~@resources of systemd does, ends no sweep.
func TestSweepDenied(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	for _, denied := range []string{denial("close_range", unix.ENOSYS), "setpriority:kill", "ioprio_set:kill"} {
		s := ordinary(t, shim)
		s.leaveMore(t)
		start := command(nil, s.worker, "-c", s.script()).under(deny, denied)
		if code := start.end(t); code != 0 || s.started(start) != "isolated" || start.err.String() != "" {
			t.Errorf("%s: exit code %d, %q: %s", denied, code, &start.out, &start.err)
		}
		eventually(t, func() error {
			if left := entries(t, s.store); len(left) > 1 {
				return fmt.Errorf("%s: left are %q", denied, left)
			}
			return nil
		})
	}
}

// TestSweepKeepsItsPrivilege: if it cannot be given up, nothing is swept.
func TestSweepKeepsItsPrivilege(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	s := ordinary(t, shim)
	s.leaveMore(t)
	for _, denied := range []string{denial("prctl", unix.EPERM, argument(0, whole, unix.PR_SET_NO_NEW_PRIVS)), denial("capset", unix.EPERM)} {
		start := command(nil, shim, sweeper.Command, s.store, "").under(deny, denied)
		code := start.end(t)
		oneLine(t, start.err.String(), "operation not permitted")
		if left := entries(t, s.store); code != 125 || len(left) != 1 {
			t.Errorf("%s: exit code %d, left are %q", denied, code, left)
		}
	}
}

// TestFewSignals: all threads are reached by signals. If the user may have too few of these waiting, a sweep says so
// rather than keep its privilege or wait for ever. A limit of its own that it may raise does not matter.
func TestFewSignals(t *testing.T) {
	bash, shim := testkit.RequireTool(t, "bash", "bash"), capable(t)
	s := ordinary(t, shim)
	s.leaveMore(t)
	for _, c := range []struct {
		limit      string
		code, left int
	}{{"ulimit -i 10", 125, 1}, {"ulimit -S -i 10", 0, 0}} {
		sweep := command(nil, bash, "-c", c.limit+` && exec "$@"`, "bash", shim, sweeper.Command, s.store, "")
		code := sweep.end(t)
		if c.code != 0 {
			oneLine(t, sweep.err.String(), "RLIMIT_SIGPENDING is 10")
		}
		if left := entries(t, s.store); code != c.code || len(left) != c.left {
			t.Errorf("%s: exit code %d, left are %q: %s", c.limit, code, left, &sweep.err)
		}
	}
}

// TestDenied: what a start needs and is denied ends it with one line, and nothing is started.
func TestDenied(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	shims := map[string]string{"": capable(t), "USERNS=1": testkit.Binary(t), "BACKING=tmpfs": capable(t)}
	for _, c := range []struct {
		setting, says string
		denials       []string
	}{
		{"", "dup", []string{denial("fcntl", unix.EMFILE, argument(1, whole, unix.F_DUPFD_CLOEXEC), argument(2, whole, 0))}},
		{"", "mount(MS_", []string{denial("mount_setattr", unix.ENOSYS), denial("mount", unix.ENOMEM)}},
		{"", "mount(MS_BIND", []string{denial("open_tree", unix.ENOSYS), denial("mount", unix.ENOMEM, argument(3, unix.MS_BIND, unix.MS_BIND))}},
		{"BACKING=tmpfs", "fsopen", []string{denial("fsopen", unix.ENOMEM)}},
		{"BACKING=tmpfs", "fsconfig(FSCONFIG_CMD_CREATE)", []string{denial("fsconfig", unix.ENOMEM, argument(1, whole, unix.FSCONFIG_CMD_CREATE))}},
		{"BACKING=tmpfs", "fsmount", []string{denial("fsmount", unix.ENOMEM)}},
		{"USERNS=1", "socketpair", []string{denial("socketpair", unix.EMFILE)}},
		{"USERNS=1", "fcntl(F_SETFD)", []string{denial("fcntl", unix.EMFILE, argument(1, whole, unix.F_SETFD), argument(2, whole, 0))}},
		{"USERNS=1", "this kernel has no user namespaces", []string{denial("clone", unix.EINVAL, argument(0, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER))}},
		{"USERNS=1", "cannot make a user namespace: cannot allocate memory", []string{denial("clone", unix.ENOMEM, argument(0, unix.CLONE_NEWUSER, unix.CLONE_NEWUSER))}},
		{"USERNS=1", "cannot make a user namespace: operation not permitted", []string{denial("capset", unix.EPERM)}},
		{"USERNS=1", "prctl(PR_CAP_AMBIENT_CLEAR_ALL)", []string{denial("prctl", unix.EINVAL, argument(0, whole, unix.PR_CAP_AMBIENT), argument(1, whole, unix.PR_CAP_AMBIENT_CLEAR_ALL))}},
		{"USERNS=1", "no space left on device", []string{denial("mkdirat", unix.ENOSPC)}},
		{"USERNS=1", "mount(MS_BIND", []string{denial("open_tree", unix.EPERM), denial("mount", unix.ENOMEM, argument(3, unix.MS_BIND, unix.MS_BIND))}},
	} {
		t.Run(c.says+" "+c.setting, func(t *testing.T) {
			s := ordinary(t, shims[c.setting])
			start := command([]string{c.setting, "DOCKER=off"}, s.worker, "-c", s.script()).under(deny, c.denials...)
			code := start.end(t)
			oneLine(t, start.err.String(), c.says)
			if code != 125 || s.started(start) != "" {
				t.Errorf("exit code %d, %q", code, &start.out)
			}
			s.gone(t, "after the start")
		})
	}
}

// TestDeniedMoves: if move_mount is denied, or every way to the newer calls, a start isolates all the same.
func TestDeniedMoves(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	shims := map[string]string{"": capable(t), "USERNS=1": testkit.Binary(t), "BACKING=tmpfs": capable(t)}
	for name, denials := range map[string][]string{
		"move_mount":                   {denial("move_mount", unix.EACCES)},
		"move_mount and recursive":     {denial("move_mount", unix.EACCES), denial("mount", unix.EACCES, argument(3, unix.MS_BIND|unix.MS_REC, unix.MS_BIND|unix.MS_REC))},
		"move_mount, by a filter":      {denial("move_mount", unix.EPERM)},
		"open_tree, fsopen":            {denial("open_tree", unix.EACCES), denial("fsopen", unix.EACCES)},
		"move_mount and mount_setattr": {denial("move_mount", unix.EACCES), denial("mount_setattr", unix.EACCES)},
	} {
		for setting, shim := range shims {
			t.Run(name+" "+setting, func(t *testing.T) {
				s := ordinary(t, shim)
				start := command([]string{setting, "DOCKER=off"}, s.worker, "-c", s.script()+"; readlink /proc/$$/exe").under(deny, denials...)
				code := start.end(t)
				if got := s.started(start); code != 0 || got != "isolated" || start.err.String() != "" {
					t.Errorf("exit code %d, %q: %s", code, got, &start.err)
				}
				if want := "started\n" + s.worker + "\n"; start.out.String() != want {
					t.Errorf("it says %q, want %q", &start.out, want)
				}
				s.gone(t, "after the start")
			})
		}
	}
}

// TestDeniedToTheSupervisor: a program that cannot be looked after is ended, though it has begun.
func TestDeniedToTheSupervisor(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	for _, c := range []struct{ says, denied string }{
		{"open /dev/null", denial("openat", unix.EMFILE, argument(2, whole, unix.O_RDWR|unix.O_CLOEXEC))},
		{"dup3", denial("dup3", unix.EBUSY)},
		{"/proc/self/fd", denial("getdents64", unix.EIO)},
		{"", denial("wait4", unix.EIO, argument(2, whole, unix.WUNTRACED))}, // by then it has no stderr
	} {
		s := ordinary(t, testkit.Binary(t))
		start := command([]string{"USERNS=1", "FALLBACK=run", "DOCKER=off"}, s.worker, "-c", "exec sleep 1000").under(deny, c.denied)
		code := start.end(t)
		if c.says != "" {
			oneLine(t, start.err.String(), "the program was ended, as it could not be supervised", c.says)
		}
		if code != 125 {
			t.Errorf("%s: exit code %d, %q", c.denied, code, &start.out)
		}
		s.gone(t, "after the start")
	}
}

// TestDeniedLooks: a start that cannot look for other Workers, or wait for them, says so and does not wait; one that
// cannot claim the plain _temp has its own.
func TestDeniedLooks(t *testing.T) {
	deny, s := compile(t, "deny", testkit.Dir(t)), ordinary(t, capable(t))
	other := s.unwrapped(t)
	waits := map[string]string{
		"pidfd_open": denial("pidfd_open", unix.EMFILE),
		"/proc":      denial("getdents64", unix.EIO),
		"poll":       denial("ppoll", unix.EINVAL),
	}
	for says, denied := range waits {
		start := command([]string{"WAIT=20s"}, s.worker, "-c", s.script()).under(deny, denied)
		code := start.end(t)
		oneLine(t, start.err.String(), "earlier Workers", says)
		if code != 0 || s.started(start) != "isolated" {
			t.Errorf("%s: exit code %d, %q", says, code, &start.out)
		}
	}
	other.end(t)
	const readAtOnce = 256 // the dynamic loader reads in other portions
	for _, denied := range []string{
		denial("flock", unix.EIO), denial("ftruncate", unix.EIO), denial("pwrite64", unix.EIO),
		denial("pread64", unix.EIO, argument(2, whole, readAtOnce)),
	} {
		start := command([]string{"ISOLATE=overlap"}, s.worker, "-c", s.script()).under(deny, denied)
		if code := start.end(t); code != 0 || s.started(start) != "isolated" || start.err.String() != "" {
			t.Errorf("%s: exit code %d, %q, %s", denied, code, s.started(start), &start.err)
		}
	}
	if code, out, stderr := s.run(t, s.script(), "ISOLATE=overlap"); code != 0 || out != "started\n" || stderr != "" || os.Remove(filepath.Join(s.temp, "mark")) != nil {
		t.Errorf("afterwards one that is alone has not the plain _temp: exit code %d, %q, %q", code, out, stderr)
	}
}

// TestDeniedProxy: without the Docker proxy that it needs a job is not started.
func TestDeniedProxy(t *testing.T) {
	deny, s := compile(t, "deny", testkit.Dir(t)), ordinary(t, capable(t))
	socket := filepath.Join(s.root, "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	testkit.Give(t, s.root, user)
	start := command([]string{"LOG=debug"}, s.worker, "-c", s.script()).under(deny, denial("clone", unix.EAGAIN, argument(0, whole, unix.CLONE_VM|unix.CLONE_VFORK)))
	start.Env = append(start.Env, "DOCKER_HOST=unix://"+socket)
	code := start.end(t)
	if text := start.err.String(); code != 125 || s.started(start) != "" || !strings.Contains(text, "clone: resource temporarily unavailable; container steps need it") {
		t.Errorf("exit code %d, %q: %s", code, &start.out, text)
	}
}
