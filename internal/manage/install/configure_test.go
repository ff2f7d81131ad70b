package install

import (
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestKeeperFindsConfiguration: a watch that began before the runner was configured, with a work folder of its own,
// sees a self-update in that.
func TestKeeperFindsConfiguration(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "2.335.0", scratch.OwnWorker)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	scratch.Text(t, filepath.Join(l.Root, runner.ConfigName), `{"workFolder": "elsewhere"}`)
	k := Keeper{Layout: runner.Unconfigured(l.Root), Place: m.Place(), Say: o.Say}
	next := filepath.Join(l.Root, "bin.2.336.0")
	scratch.Text(t, filepath.Join(l.Root, "elsewhere", runner.UpdateFolder, "x"), "")
	scratch.Text(t, filepath.Join(l.Root, "elsewhere", runner.UpdateScript), "")
	scratch.Text(t, filepath.Join(next, "Runner.Worker.dll"), "")
	scratch.Worker(t, next, scratch.OwnWorker)
	scratch.Own(t, l.Root)
	if err := k.Keep(); err != nil {
		t.Fatal(err)
	}
	if b, err := entry.InspectBin(next); err != nil || b.Kind() != entry.Installed {
		t.Errorf("the version that the update has copied: %s, %v", b.Kind(), err)
	}
}
