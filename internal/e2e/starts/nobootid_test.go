package starts_test

import (
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// withoutBootID prepares a start, as root, that sees no boot id, as under systemd's ProcSubset=pid.
func (s scratch) withoutBootID(script string) *start {
	c := command(nil, "unshare", "--mount", "--propagation", "slave", "sh", "-c",
		`mount -t tmpfs -o ro none /proc/sys/kernel && exec "$@"`, "sh", s.worker, "-c", script)
	c.SysProcAttr = nil
	return c
}

// TestNoBootID: a start that cannot see which boot this is isolates as any other. What is its own is left alone as long
// as it lives, by those that see the boot id and those that do not. Afterwards both kinds sweep it.
func TestNoBootID(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	gc := func() {
		t.Helper()
		cmd := exec.Command(testkit.Binary(t), "gc", "--runner-root", s.root)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", cmd, err, out)
		}
	}
	living := s.withoutBootID("echo mine >" + s.temp + "/mine; echo up; read -r end; cat " + s.temp + "/mine")
	in, err := living.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := living.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = living.Wait() })
	living.hasSaid(t, "up\n")
	folder := entries(t, s.store)
	if len(folder) != 1 || !strings.HasSuffix(folder[0], "-unknown") || len(entries(t, s.temp)) > 0 {
		t.Fatalf("the store has %q: %s", folder, &living.err)
	}

	if c := s.withoutBootID(s.script()); c.end(t) != 0 || s.started(c) != "isolated" {
		t.Errorf("beside it: %v, %q: %s", c.ProcessState, &c.out, &c.err)
	}
	if code, _, stderr := s.runAsRoot(t, "true"); code != 0 {
		t.Errorf("with a boot id, beside it: %d, %s", code, stderr)
	}
	gc()
	if left := entries(t, s.store); !slices.Contains(left, folder[0]) {
		t.Fatalf("the living one's folder is gone: %q", left)
	}
	if _, err := io.WriteString(in, "end\n"); err != nil {
		t.Fatal(err)
	}
	living.hasSaid(t, "up\nmine\n")
	in.Close()
	_ = living.Wait()
	s.gone(t, "with its sweep")
	gc()
	if left := entries(t, s.store); len(left) > 0 {
		t.Errorf("after its end: %q", left)
	}

	// A sweep by one that does not see the boot id, of an owner that saw it. Empty folders are swept by the start itself.
	if code, _, stderr := s.runAsRoot(t, "true"); code != 0 {
		t.Fatalf("%d, %s", code, stderr)
	}
	before := entries(t, s.store)
	c := s.withoutBootID("true")
	if code := c.end(t); code != 0 || len(before) != 1 {
		t.Fatalf("%d, %s; %q", code, &c.err, before)
	}
	if left := entries(t, s.store); len(left) != 1 || left[0] == before[0] {
		t.Errorf("not swept: %q, then %q", before, left)
	}
}

// runAsRoot runs a shell script as a Worker of root's.
func (s scratch) runAsRoot(t *testing.T, script string) (code int, stdout, stderr string) {
	t.Helper()
	c := command(nil, s.worker, "-c", script)
	c.SysProcAttr = nil
	code = c.end(t)
	return code, c.out.String(), c.err.String()
}
