package starts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDeadlyCalls: a seccomp filter may end each process that makes one of the calls that mounts need. The start lives
// to say so, and has its turn without a _temp of its own if the settings allow that. It leaves no child, so that the
// Worker has none, and no core.
func TestDeadlyCalls(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	cores(t)
	dir := testkit.Dir(t)
	testkit.Give(t, dir, user)
	for _, call := range []string{"capset", "unshare", "open_tree", "mount_setattr", "move_mount", "mount"} {
		for _, answer := range []string{"kill", "trap"} {
			t.Run(call+" "+answer, func(t *testing.T) {
				s := ordinary(t, shim)
				start := command([]string{"FALLBACK=none"}, s.worker, "-c", s.script()).under(deny, call+":"+answer)
				if code := start.end(t); code != 125 || start.out.String() != "" {
					t.Errorf("exit code %d, %v, %q", code, start.ProcessState, &start.out)
				}
				oneLine(t, start.err.String(), "seccomp", call+"(2)", "SystemCallFilter=@mount")

				children := `; read -r c </proc/$$/task/$$/children; echo "children $c"`
				start = command([]string{"FALLBACK=run"}, s.worker, "-c", s.script()+children).under(deny, call+":"+answer)
				start.Dir = dir
				if code := start.end(t); code != 0 || start.out.String() != "started\nchildren \n" || s.started(start) != "plain" {
					t.Errorf("may fall back: exit code %d, %v, %q", code, start.ProcessState, &start.out)
				}
				oneLine(t, start.err.String(), "WITHOUT", call+"(2)")
				if cores, err := os.ReadDir(dir); err != nil || len(cores) > 0 {
					t.Errorf("a core is left: %q, %v", cores, err)
				}
			})
		}
	}
}

// TestDeadlyCallsInAUserNamespace: the process that a user namespace is made for finds them out too.
func TestDeadlyCallsInAUserNamespace(t *testing.T) {
	deny := compile(t, "deny", testkit.Dir(t))
	s := ordinary(t, testkit.Binary(t))
	for fallback, code := range map[string]int{"none": 125, "run": 0} {
		start := command([]string{"USERNS=1", "FALLBACK=" + fallback}, s.worker, "-c", s.script()).under(deny, "move_mount:kill")
		if got := start.end(t); got != code {
			t.Errorf("%s: exit code %d, %v, %q", fallback, got, start.ProcessState, &start.out)
		}
		if !strings.Contains(start.err.String(), "move_mount(2)") {
			t.Errorf("%s: %s", fallback, &start.err)
		}
		_ = os.Remove(filepath.Join(s.temp, "mark"))
	}
}

// TestFilterThatKillsNothing: under a filter that denies nothing a mount needs, a start isolates, and looks for no more.
func TestFilterThatKillsNothing(t *testing.T) {
	deny, shim := compile(t, "deny", testkit.Dir(t)), capable(t)
	s := ordinary(t, shim)
	start := command(nil, s.worker, "-c", s.script()).under(deny, "flock:kill")
	if code := start.end(t); code != 0 || s.started(start) != "isolated" || start.err.String() != "" {
		t.Errorf("exit code %d, %v, %q: %s", code, start.ProcessState, &start.out, &start.err)
	}
}
