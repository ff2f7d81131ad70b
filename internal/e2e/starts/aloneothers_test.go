package starts_test

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAloneAtOnce: of twenty that start together where nothing can be isolated, never do two have the plain _temp, and
// each has its turn.
func TestAloneAtOnce(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	lock := filepath.Join(s.root, "lock")
	script := "mkdir " + lock + " || echo two; rmdir " + lock + "; echo real"
	var all []*start
	for range 20 {
		c := command([]string{"FALLBACK=", "WAIT=290s"}, s.worker, "-c", script) // longer than any machine takes for all
		c.Env = append(c.Env, "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT=300")
		do(t, c.Start())
		all = append(all, c)
	}
	for _, c := range all {
		if code := c.end(t); code != 0 || c.out.String() != "real\n" {
			t.Errorf("exit code %d, %q: %s", code, &c.out, &c.err)
		}
	}
}

// TestAloneBesideOneThatStays: of those that start beside a plain Worker none gets in, however many they are.
func TestAloneBesideOneThatStays(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	first := launch(t, command([]string{"FALLBACK="}, s.worker), s.worker, "-c", "echo up; read end")
	var all []*start
	for range 10 {
		c := command([]string{"FALLBACK=", "WAIT=200ms"}, s.worker, "-c", "echo started")
		do(t, c.Start())
		all = append(all, c)
	}
	for _, c := range all {
		if code := c.end(t); code != 125 || c.out.String() != "" {
			t.Errorf("exit code %d, %q: %s", code, &c.out, &c.err)
		}
	}
	first.end(t)
}

// TestAlonePrivateOnesDoNotCount: a Worker that has its own _temp does not keep one from the plain _temp that cannot
// have its own.
func TestAlonePrivateOnesDoNotCount(t *testing.T) {
	s := ordinary(t, capable(t))
	launch(t, command(nil, s.worker), s.worker, "-c", "echo up; read end")
	c := command([]string{"FALLBACK="}, "/usr/bin/setpriv", "--no-new-privs", s.worker, "-c", s.script())
	if code := c.end(t); code != 0 || s.started(c) != "plain" || c.err.String() != "" {
		t.Errorf("exit code %d, %q: %s", code, &c.out, &c.err)
	}
	if waits := s.log(t, events.Wait); waits != nil {
		t.Errorf("it waited for it: %+v", waits)
	}
}

// container makes it a start by root in PID and mount namespaces of its own, as two containers that share a volume are.
func (s *start) container() *start {
	// Its process 1 stays root's: a change of the user takes the order to end with unshare away.
	script := testkit.UserLine("61234", "61234") + ` "$@" & wait $!`
	s.Args = append([]string{"unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", s.Path}, s.Args[1:]...)
	s.Path = "/usr/bin/unshare"
	s.SysProcAttr = nil
	return s
}

// TestAloneBetweenPIDNamespaces: two that cannot see each other's processes are never in one _temp, and what one
// leaves keeps no other out.
func TestAloneBetweenPIDNamespaces(t *testing.T) {
	for _, readOnly := range []bool{false, true} {
		s := ordinary(t, testkit.Binary(t))
		if readOnly {
			do(t, os.Chown(filepath.Dir(s.temp), 0, 0)) // so that there is no store, and no claim
		}
		worker := func(script string, settings ...string) *start {
			return command(append(settings, "FALLBACK="), s.worker, "-c", script).container()
		}
		for range 2 {
			first := worker("echo started; exec sleep 1000")
			do(t, first.Start())
			t.Cleanup(func() { _ = first.Process.Kill(); _ = first.Wait() })
			first.hasSaid(t, "started\n")
			c := worker("echo started", "WAIT=100ms")
			code := c.end(t)
			if oneLine(t, c.err.String(), "cannot run without"); code != 125 || c.out.String() != "" {
				t.Errorf("beside another: exit code %d, %q", code, &c.out)
			}
			do(t, first.Process.Signal(unix.SIGKILL))
			_ = first.Wait()
			c = worker(s.script())
			if code := c.end(t); code != 0 || s.started(c) != "plain" {
				t.Errorf("after the other's end: exit code %d, %q: %s", code, &c.out, &c.err)
			}
		}
	}
}

// TestAloneBesideFallbackRun: a Worker that does not care whether it is alone keeps others out nevertheless, also those
// that cannot see it.
func TestAloneBesideFallbackRun(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	first := launch(t, command([]string{"FALLBACK=run"}, s.worker), s.worker, "-c", "echo up; read end")
	again := command([]string{"FALLBACK=run"}, s.worker, "-c", "echo started")
	if code := again.end(t); code != 0 || again.out.String() != "started\n" {
		t.Errorf("a second one: exit code %d, %q", code, &again.out)
	}
	c := command([]string{"FALLBACK=", "WAIT=100ms"}, s.worker, "-c", "echo started").container()
	code := c.end(t)
	if oneLine(t, c.err.String(), "locked"); code != 125 || c.out.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
	first.end(t)
}

// TestCommandsAreRefused: if isolation is what was asked for, nothing runs without.
func TestCommandsAreRefused(t *testing.T) {
	shim := testkit.Binary(t)
	s := ordinary(t, shim)
	for _, args := range [][]string{{"--temp", s.temp}, {"--runner-root", s.root}, {"run", "--runner-root", s.root}} {
		args = append(args, "--", "sh", "-c", s.script())
		c := command([]string{"FALLBACK="}, shim, args...)
		code := c.end(t)
		if oneLine(t, c.err.String(), "not permitted"); code != 125 || s.started(c) != "" {
			t.Errorf("%q: exit code %d, %q", args, code, &c.out)
		}
		c = command([]string{"FALLBACK=wait"}, shim, args...)
		if code := c.end(t); code != 0 || s.started(c) != "plain" {
			t.Errorf("%q with a fallback: exit code %d, %q: %s", args, code, &c.out, &c.err)
		}
	}
}
