package starts_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// refuse makes what happens to the runner be undone, and expects one line and one of the codes.
func (s scratch) refuse(t *testing.T, what string, code int, spoil func() error, undo func() error, settings ...string) {
	t.Helper()
	do(t, spoil())
	got, out, stderr := s.run(t, innocent, settings...)
	if got != code || out != "" {
		t.Errorf("%s: exit code %d, want %d: %q, %q", what, got, code, out, stderr)
	}
	oneLine(t, stderr)
	do(t, undo())
}

// TestAttackByPlaces: folders and files that are not the user's, or not what they should be.
func TestAttackByPlaces(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	before := hostMounts(t)
	real, aside := s.worker+".real", s.worker+".aside"
	away := func() error { return os.Rename(real, aside) }
	back := func() error { _ = os.RemoveAll(real); return os.Rename(aside, real) }
	put := func(make func() error) func() error {
		return func() error {
			if err := away(); err != nil {
				return err
			}
			return make()
		}
	}
	private := filepath.Join(testkit.Dir(t), "private")
	do(t, os.WriteFile(private, []byte("#!/bin/sh\necho HAVE\n"), 0o700))
	s.refuse(t, "Worker is the shim", 125, put(func() error { return os.Symlink(shim, real) }), back)
	s.refuse(t, "Worker is a FIFO", 126, put(func() error { return unix.Mkfifo(real, 0o777) }), back)
	s.refuse(t, "Worker is a folder", 126, put(func() error { return os.Mkdir(real, 0o777) }), back)
	s.refuse(t, "Worker is /etc/shadow", 126, put(func() error { return os.Symlink("/etc/shadow", real) }), back)
	s.refuse(t, "Worker is another's", 126, put(func() error { return os.Symlink(private, real) }), back)
	s.refuse(t, "no Worker", 127, away, func() error { return os.Rename(aside, real) })

	s.refuse(t, "_temp is root's", 125, func() error { return os.Chown(s.temp, 0, 0) }, func() error { return os.Chown(s.temp, user, user) })
	s.refuse(t, "_temp leads to /etc", 125, func() error {
		do(t, os.Remove(s.temp))
		return os.Symlink("/etc", s.temp)
	}, func() error {
		do(t, os.Remove(s.temp), os.Mkdir(s.temp, 0o755))
		return os.Chown(s.temp, user, user)
	})
	stores := func(f func(store string) error) func() error {
		return func() error {
			return errors.Join(f(s.store), f(perpid.Path(s.temp)))
		}
	}
	do(t, stores(os.RemoveAll)())
	s.refuse(t, "the stores are links", 125, stores(func(store string) error { return os.Symlink("/tmp", store) }), stores(os.Remove))
	s.refuse(t, "the stores are root's", 125, stores(func(store string) error { return os.Mkdir(store, 0o755) }), stores(os.Remove))
	s.refuse(t, "set-user-ID", 125, func() error { return os.Chmod(shim, 0o755|os.ModeSetuid) }, func() error { return os.Chmod(shim, 0o755) })

	// Anyone may write to it, as to D-Bus's; programs with more rights trust who answers there.
	dir := testkit.Dir(t)
	l, err := net.Listen("unix", dir+"/bus")
	do(t, err)
	defer l.Close()
	do(t, os.Chmod(dir+"/bus", 0o777))
	c := command(nil, s.worker, "-c", innocent)
	c.Env = append(c.Env, "DOCKER_HOST=unix://"+dir+"/bus")
	if code := c.end(t); code != 0 {
		t.Errorf("another's socket: exit code %d, %q", code, &c.out)
	}
	harmless(t, c.out.String())
	oneLine(t, c.err.String(), "containers will not see this job's _temp", "neither at a usual place")

	code, out, stderr := s.run(t, innocent)
	if code != 0 || stderr != "" {
		t.Errorf("at last: exit code %d, %q", code, stderr)
	}
	harmless(t, out)
	sameMounts(t, before)
}

// TestAttackByState: odd arguments, variables, limits and descriptors. The start fails in one line, or is
// that of an innocent program.
func TestAttackByState(t *testing.T) {
	prlimit := testkit.RequireTool(t, "prlimit", "util-linux")
	s := ordinary(t, capable(t))
	before := hostMounts(t)
	gone := filepath.Join(s.root, "gone")
	hostile := []string{
		"GODEBUG=inittrace=1,gctrace=1", "GOTRACEBACK=crash", "GOGC=1", "GOMEMLIMIT=1", "LD_PRELOAD=/nowhere.so", "LD_LIBRARY_PATH=.", "LD_AUDIT=/nowhere.so",
		"WORKER_WRAP_HOST_TEMP=/etc", "DOCKER_HOST=unix:///etc/passwd", "GOCOVERDIR=/tmp", "XDG_RUNTIME_DIR=../..",
	}
	script := innocent
	for what, c := range map[string]*start{
		"environment":     command(nil, s.worker, "-c", script),
		"argv[0] is ..":   command(nil, s.worker, "-c", script),
		"argv[0] is bare": command(nil, s.worker, "-c", script),
		"argv[0] is null": command(nil, s.worker, "-c", script),
		"files":           command(nil, prlimit, "--nofile=8:8", s.worker, "-c", script),
		"no files":        command(nil, prlimit, "--nofile=3:3", s.worker, "-c", script),
		"file size":       command(nil, prlimit, "--fsize=0:0", s.worker, "-c", script),
		"core":            command(nil, prlimit, "--core=0:0", s.worker, "-c", script),
		"stack":           command(nil, prlimit, "--stack=262144:262144", s.worker, "-c", script),
		"folder is gone":  command(nil, "/bin/sh", "-c", `mkdir $0 && cd $0 && rmdir $0 && exec "$@"`, gone, s.worker, "-c", script),
		"closed":          command(nil, "/bin/sh", "-c", `exec "$@" <&- 2>&-`, "sh", s.worker, "-c", innocent),
	} {
		switch what {
		case "environment":
			c.Env = append(c.Env, hostile...)
		case "argv[0] is ..":
			c.Args[0] = s.root + "/bin/../../../../../../../etc/Runner.Worker"
		case "argv[0] is bare":
			c.Args[0] = "Runner.Worker"
		case "argv[0] is null":
			c.Args[0] = ""
		}
		t.Logf("%s: refused: %v", what, harmlessOrRefused(t, what, c))
	}
	attack := compile(t, "attack", testkit.Dir(t))
	c := command(nil, attack, "no-arguments", s.worker)
	if code := c.end(t); code == 99 || code < 0 {
		t.Errorf("without arguments: exit code %d, %q", code, &c.err)
	}
	sameMounts(t, before)
}

// TestAttackByHiddenSubcommand: by hand, from the file with the capability, a sweep has none.
func TestAttackByHiddenSubcommand(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	dead := filepath.Join(s.store, "4194305-1-4026531836-000000000000")
	do(t, os.MkdirAll(dead, 0o755))
	for n := range 20000 {
		do(t, os.WriteFile(filepath.Join(dead, strconv.Itoa(n)), nil, 0o600))
	}
	testkit.Give(t, s.store, user)
	precious := filepath.Join(s.store, "4194306-1-4026531836-000000000000")
	do(t, os.Mkdir(precious, 0o755), os.WriteFile(precious+"/of-root", nil, 0o600))
	c := command(nil, shim, sweeper.Command, s.store)
	do(t, c.Start())
	dropped := false
	for begin := time.Now(); time.Since(begin) < testkit.Patience && !dropped; { // or until it ends
		data, err := os.ReadFile("/proc/" + itoa(c.Process.Pid) + "/status")
		text := string(data)
		dropped = strings.Contains(text, "CapPrm:\t0000000000000000") && strings.Contains(text, "CapEff:\t0000000000000000") && strings.Contains(text, "NoNewPrivs:\t1")
		if err != nil || strings.Contains(text, "State:\tZ") {
			break
		}
	}
	c.end(t)
	if !dropped {
		t.Error("it was never seen without its capability")
	}
	if found, _ := filepath.Glob(s.store + "/*/of-root"); len(found) != 1 {
		t.Errorf("a file of root in a folder of root: %q", found)
	}
	for _, args := range [][]string{{"__docker-proxy"}, {"__docker-proxy", "{}"}, {"__standin-worker"}, {sweeper.Command, "/etc"}, {sweeper.Command}} {
		c := command(nil, shim, args...)
		done := time.AfterFunc(testkit.Patience, func() { _ = exec.Command("kill", itoa(c.Process.Pid)).Run() })
		code := c.end(t)
		done.Stop()
		if code == 2 || code < 0 || strings.Contains(c.err.String(), "goroutine ") {
			t.Errorf("%q: exit code %d, %q", args, code, &c.err)
		}
	}
}
