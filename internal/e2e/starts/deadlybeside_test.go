package starts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// filtered is a runner whose Workers start under a seccomp filter that ends whoever makes one of the calls.
type filtered struct {
	scratch
	deny  string
	calls []string
	who   string
}

// The users of a filtered runner.
const (
	byRoot       = "root"
	byNobody     = "no_new_privs"        // systemd has it with a filter and User=
	byCapability = "the file capability" // it need not
)

func newFiltered(t *testing.T, deny, who string, calls ...string) filtered {
	t.Helper()
	f := filtered{ordinary(t, capable(t)), deny, calls, who}
	diag := filepath.Join(f.root, "_diag")
	do(t, os.MkdirAll(diag, 0o755), os.WriteFile(filepath.Join(diag, events.FileName), nil, 0o644))
	if who == byRoot {
		testkit.Give(t, f.root, 0)
	} else {
		testkit.Give(t, diag, user)
	}
	return f
}

// start starts a Worker that lives until its stdin ends.
func (f filtered) start(t *testing.T, settings ...string) *unwrapped {
	t.Helper()
	c := command(nil, f.worker, "-c", "echo up; read end")
	c.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, settings...)
	c.under(f.deny, f.calls...)
	switch f.who {
	case byRoot:
		c.Args = slices.DeleteFunc(c.Args, func(word string) bool { return strings.HasPrefix(word, "uid=") })
	case byNobody:
		c.Path = testkit.RequireTool(t, "setpriv", "util-linux")
		c.Args = append([]string{"setpriv", "--no-new-privs"}, c.Args...)
	}
	return launch(t, c, c.Args...)
}

// recorded waits for a Worker's event.
func (s scratch) recorded(t *testing.T, kind events.Kind, u *unwrapped) {
	t.Helper()
	eventually(t, func() error {
		if e := s.log(t, kind); !slices.ContainsFunc(e, func(e events.Event) bool { return e.Job.PID == u.pid() }) {
			return fmt.Errorf("of %d the events %s are %+v", u.pid(), kind, e)
		}
		return nil
	})
}

// TestDeadlyToKeepers: a lone Worker's keeper holds its locks and records its start and end under seccomp filters, too.
// These end whoever gives up capabilities, or changes priorities: ~@privileged and ~@resources of systemd.
func TestDeadlyToKeepers(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	const early, longer = "WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_ISOLATE=overlap" // before Go's runtime, and with it
	for _, row := range []struct{ who, setting, calls string }{
		{byRoot, early, "capset:kill"},
		{byRoot, early, "capset:trap"},
		{byRoot, longer, "capset:kill"},
		{byNobody, early, "capset:kill"},
		{byCapability, early, "capset:kill"},
		{byCapability, longer, "capset:kill"},
		{byRoot, longer, "fchown:kill fchownat:kill"},
		{byNobody, early, "setpriority:kill ioprio_set:kill"},
	} {
		t.Run(fmt.Sprint(row), func(t *testing.T) {
			f := newFiltered(t, deny, row.who, strings.Fields(row.calls)...)
			u := f.start(t, row.setting)
			f.recorded(t, events.Start, u)
			if !taken(t, filepath.Dir(f.temp)) {
				t.Error("nobody holds the lock on the work folder")
			}
			u.end(t)
			f.recorded(t, events.End, u)
			f.gone(t, "after its end")
		})
	}
}

// TestDeadlyChown: a start goes on with the group that files have if a filter ends whoever changes it, as ~@chown does.
func TestDeadlyChown(t *testing.T) {
	deny, s := compile(t, "deny", testkit.Dir(t)), ordinary(t, capable(t))
	socket := filepath.Join(s.root, "docker.sock")
	listenAt(t, socket, 0o660, user)
	do(t, os.Chown(socket, user, group), os.Chown(s.temp, user, group))
	calls := []string{"fchown:kill", "fchownat:kill"}
	if runtime.GOARCH == "amd64" {
		calls = append(calls, "chown:kill")
	}
	c := command(nil, s.worker, "-c", s.script()).under(deny, calls...)
	c.Env = append(c.Env, "DOCKER_HOST=unix://"+socket)
	if code := c.end(t); code != 0 || s.started(c) != "isolated" || c.err.String() != "" {
		t.Errorf("exit code %d, %v, %q: %s", code, c.ProcessState, &c.out, &c.err)
	}
	s.gone(t, "after its end")
}

// unlocked waits until the keepers of Workers that have ended have let go. A start waits for that, too, but not for long.
func (s scratch) unlocked(t *testing.T) {
	t.Helper()
	testkit.Await(t, "nobody has a lock", func() bool { return !taken(t, s.root) && !taken(t, filepath.Dir(s.temp)) && !taken(t, s.temp) })
}

func taken(t *testing.T, dir string) bool {
	t.Helper()
	f, err := os.Open(dir)
	do(t, err)
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// TestDeadlyToGuards: root needs no capset(2) to isolate, so there the keeper of a private Worker lives without it, too.
func TestDeadlyToGuards(t *testing.T) {
	f := newFiltered(t, compile(t, "deny", testkit.Dir(t)), byRoot, "capset:kill")
	const setting = "WORKER_WRAP_ISOLATE=alone"
	f.start(t, setting)
	second := f.start(t, setting)
	folder := func() (ino uint64) {
		var st unix.Stat_t
		_ = unix.Stat(fmt.Sprintf("/proc/%d/root%s", second.pid(), f.temp), &st)
		return st.Ino
	}
	own := folder()
	do(t, os.RemoveAll(f.temp), os.MkdirAll(f.temp, 0o755)) // its keeper may be first
	eventually(t, func() error {
		if got := folder(); got != own {
			return fmt.Errorf("it sees %d as _temp, not its own %d", got, own)
		}
		return nil
	})
	second.end(t)
	f.recorded(t, events.End, second)
	for _, name := range entries(t, f.store) {
		if strings.Contains("."+name, fmt.Sprintf(".%d-", second.pid())) {
			t.Errorf("%s is left", name)
		}
	}
}
