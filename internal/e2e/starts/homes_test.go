package starts_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestCleanersOfTheWorkFolder: hooks and cron jobs that empty the work folder and spare _temp leave a living private
// Worker's _temp alone, as an unwrapped one's.
func TestCleanersOfTheWorkFolder(t *testing.T) {
	s := ordinary(t, capable(t))
	do(t, os.WriteFile(filepath.Join(filepath.Dir(s.temp), "of-a-job"), nil, 0o644))
	alone := []string{"ISOLATE=alone", "DOCKER=off"}
	plain := launch(t, command(alone, s.worker), s.worker, "-c", `echo up; read end`)
	c := command(alone, s.worker, "-c", `echo mine >"$0/file" && echo up; read end; cat "$0/file"`, s.temp)
	in, err := c.StdinPipe()
	do(t, err, c.Start())
	c.hasSaid(t, "up\n")
	clean := exec.Command("find", filepath.Dir(s.temp), "-mindepth", "1", "-maxdepth", "1", "!", "-name", "_temp", "-exec", "rm", "-rf", "{}", "+")
	if out, err := clean.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := entries(t, filepath.Dir(s.temp)); len(left) != 1 || left[0] != "_temp" {
		t.Errorf("the cleaner leaves %q", left)
	}
	_, err = io.WriteString(in, "end\n")
	do(t, err)
	if code := c.end(t); code != 0 || c.out.String() != "up\nmine\n" {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	plain.end(t)
}

// TestPlaceOfAnOlderBuild: what starts of an older build left beside _temp is swept. What living ones have there stays,
// and every command that looks sees it. One was started before an upgrade, and one after a downgrade.
func TestPlaceOfAnOlderBuild(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	older := s
	older.store = perpid.Path(s.temp)
	older.leaveMore(t)
	dead := entries(t, older.store)[0]
	const job = `echo mine >"$0/file"; echo up; read end`
	alone := []string{"ISOLATE=alone", "DOCKER=off"}
	plain := launch(t, command(alone, s.worker), s.worker, "-c", job, s.temp)
	// One that finds no place in the root has it, and a keeper, as each one had beside that in an older build.
	do(t, os.WriteFile(s.store, nil, 0o644))
	living := launch(t, command(alone, s.worker), s.worker, "-c", job, s.temp)
	do(t, os.Remove(s.store))
	next := launch(t, command(alone, s.worker), s.worker, "-c", job, s.temp)
	// So does one over any folder.
	downgraded := launch(t, command([]string{"DOCKER=off"}, shim), "worker-wrap", "--temp", s.temp, "--", "/bin/sh", "-c", job, s.temp)
	has := func(store string, pid int) {
		t.Helper()
		if found, _ := filepath.Glob(filepath.Join(store, itoa(pid)+"-*", "file")); len(found) != 1 {
			t.Errorf("process %d has %q in %s", pid, found, store)
		}
	}
	eventually(t, func() error {
		if names := entries(t, older.store); slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, dead) }) {
			return fmt.Errorf("of %s there is still %q", dead, names)
		}
		return nil
	})
	testkit.Await(t, "the sweeps are over", func() bool { return len(testkit.Running(t, "\x00"+sweeper.Command+"\x00"+s.root)) == 0 })
	older.leaveMore(t)
	manage := func(args ...string) (int, string) {
		t.Helper()
		c := command(nil, shim, append(args, "--runner-root", s.root)...)
		code := c.end(t)
		return code, c.out.String() + c.err.String()
	}
	if code, out := manage("gc"); code != 0 || strings.Count(out, "1 in use") != 1 || strings.Count(out, "2 in use") != 1 {
		t.Errorf("gc: exit code %d, %s", code, out)
	}
	if names := older.left(t); len(names) != 2 {
		t.Errorf("gc leaves %q", names)
	}
	if code, out := manage("uninstall", "--prefix", s.root+"/none"); code == 0 || !strings.Contains(out, "PID "+itoa(living.pid())) || !strings.Contains(out, "PID "+itoa(next.pid())) {
		t.Errorf("uninstall beside them: exit code %d, %s", code, out)
	}
	ps := command(nil, shim, "ps")
	if ps.end(t); !strings.Contains(ps.out.String(), older.store) || !strings.Contains(ps.out.String(), s.store) {
		t.Errorf("ps: %s", &ps.out)
	}
	// Taken out under them, each keeps what it has.
	if code, out := manage("uninstall", "--force", "--prefix", s.root+"/none"); code != 0 {
		t.Errorf("uninstall under them: exit code %d, %s", code, out)
	}
	has(older.store, living.pid())
	has(s.store, next.pid())
	has(older.store, downgraded.pid())
	living.end(t)
	eventually(t, func() error { return atMostOne(older.left(t)) }) // its keeper has swept
	has(older.store, downgraded.pid())
	next.end(t)
	eventually(t, func() error {
		if names := s.left(t); len(names) > 0 {
			return fmt.Errorf("in the root's store: %q", names)
		}
		return nil
	})
	downgraded.end(t)
	plain.end(t)
	s.recorded(t, events.End, plain)
	s.gone(t, "after their ends")
	if code, out := manage("uninstall", "--prefix", s.root+"/none"); code != 0 {
		t.Errorf("uninstall at last: exit code %d, %s", code, out)
	}
	for _, store := range []string{older.store, s.store} {
		if _, err := os.Lstat(store); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", store, err)
		}
	}
}

// TestElsewhere: if _temp is a mount, a private folder lies on another file system, and the event log says so.
func TestElsewhere(t *testing.T) {
	s := ordinary(t, capable(t))
	memory(t, s.temp, user)
	code, out, stderr := s.run(t, whereAmI, "DOCKER=off")
	if code != 0 || stderr != "" || !strings.HasPrefix(out, s.store+"/") {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	if e := s.last(t, events.Elsewhere); e.Dir != s.root {
		t.Errorf("the event log has %+v", e)
	}
}
