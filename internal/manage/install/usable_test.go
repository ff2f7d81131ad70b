package install

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestPlaceThatTheUserCannotReach: no link is made to a program that the runner's user could not run.
func TestPlaceThatTheUserCannotReach(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
	before := scratch.Tree(t, l.Root)
	closed := filepath.Join(m.Root, "usr/local/lib")
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	r := Install(o)
	if err := errors.Join(r.Failed...); len(r.Failed) != 1 || !strings.Contains(err.Error(), "sudo chmod a+x "+closed) {
		t.Errorf("failed: %v, needs root: %q", err, r.NeedsRoot)
	}
	scratch.Same(t, "refused", scratch.Tree(t, l.Root), before)
	if err := os.Chmod(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	place := o.Place()
	if err := os.Chmod(place, 0o700); err != nil {
		t.Fatal(err)
	}
	o.BinOnly = true
	if r := Install(o); len(r.NeedsRoot) != 1 || !strings.Contains(r.NeedsRoot[0], "mode 0700") {
		t.Errorf("only root's: failed %v, needs root %q", r.Failed, r.NeedsRoot)
	}
	scratch.Same(t, "refused", scratch.Tree(t, l.Root), before)
	o.BinOnly = false
	good(t, "with all that mended", Install(o))
	if b, err := entry.InspectBin(l.Bin()); err != nil || b.Kind() != entry.Installed || b.Program() != place {
		t.Errorf("the shim is not in place: %+v, %v", b, err)
	}
}

// TestOlderCapabilityIsMended: an install makes what older releases gave the binary what it should be.
func TestOlderCapabilityIsMended(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	o := Options{Machine: m, Layouts: []runner.Layout{scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)}}
	output(&o)
	good(t, "install", Install(o))
	place := o.Place()
	if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", place).CombinedOutput(); err != nil {
		t.Fatalf("setcap: %v\n%s", err, out)
	}
	if found, err := o.Usable(); found != place || err != nil { // it works; the place in which it worked
		t.Errorf("%q, %v", found, err)
	}
	said := output(&o)
	good(t, "again", Install(o))
	if b := program.BinaryAt(place); !b.SysAdmin || b.AllOrNothing || len(*said) != 1 {
		t.Errorf("%+v after %q", b, *said)
	}
}
