package install

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestUninstallNeedsNoConfig: a runner that config.sh has removed, or whose .runner is no help, is found, and gets its
// Worker back. What it had in a work folder that nothing tells is named.
func TestUninstallNeedsNoConfig(t *testing.T) {
	testkit.RequireRoot(t)
	for name, lose := range map[string]func(path string) error{
		"removed": os.Remove,
		"broken":  func(path string) error { return os.WriteFile(path, []byte("{"), 0o644) },
	} {
		for _, work := range []string{"_work", "data"} {
			t.Run(name+"/"+work, func(t *testing.T) {
				m := aMachine(t)
				l := scratch.Runner(t, m.Root, "r", "2.336.0", scratch.OwnWorker)
				if work != "_work" {
					if err := os.Rename(l.Work, filepath.Join(l.Root, work)); err != nil {
						t.Fatal(err)
					}
				}
				config := filepath.Join(l.Root, runner.ConfigName)
				scratch.Text(t, config, `{"workFolder": "`+work+`"}`)
				scratch.Own(t, l.Root)
				l, err := runner.FromRoot(l.Root)
				if err != nil {
					t.Fatal(err)
				}
				before := scratch.Tree(t, m.Root)
				o := Options{Machine: m, Layouts: []runner.Layout{l}}
				output(&o)
				good(t, "install", Install(o))
				scratch.Text(t, filepath.Join(perpid.Path(l.Temp), "1-1-4026531836-0123456789ab", "left"), "")
				if err := lose(config); err != nil {
					t.Fatal(err)
				}

				o.Layouts = nil
				good(t, "uninstall of another", Uninstall(o))
				if _, err := os.Stat(scratch.WorkerIn(l.Bin())); err != nil {
					t.Fatalf("the binary is gone, and the runner's link to it is there: %v", err)
				}
				for _, f := range discover.All(m.Root) {
					o.Layouts = append(o.Layouts, f.Layout)
				}
				if len(o.Layouts) != 1 || o.Layouts[0].Root != l.Root {
					t.Fatalf("found %+v", o.Layouts)
				}
				r := Uninstall(o)
				good(t, "uninstall", r)
				if told := len(r.Left) == 1 && strings.Contains(r.Left[0], l.Root); told != (work != "_work") {
					t.Errorf("left: %q", r.Left)
				}
				if work != "_work" {
					if err := os.RemoveAll(perpid.Path(l.Temp)); err != nil {
						t.Fatal(err)
					}
				}
				scratch.Text(t, config, `{"workFolder": "`+work+`"}`)
				scratch.Own(t, l.Root)
				now := scratch.Tree(t, m.Root)
				for _, tree := range []map[string]string{before, now} {
					delete(tree, strings.TrimPrefix(config, m.Root))
				}
				scratch.Same(t, "uninstall", now, before)
				again := Uninstall(o)
				good(t, "second uninstall", again)
				if again.Steps != 0 || len(again.Left) != 0 {
					t.Errorf("a second uninstall: %+v", again)
				}
			})
		}
	}
}

// TestLivingWithoutConfig: a Worker is its runner's also when that has lost its .runner meanwhile.
func TestLivingWithoutConfig(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", "/bin/sh")
	scratch.Text(t, filepath.Join(l.Root, runner.ConfigName), `{"workFolder": "data"}`)
	if err := os.Rename(l.Work, filepath.Join(l.Root, "data")); err != nil {
		t.Fatal(err)
	}
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	aWrappedJob(t, l)
	if err := os.Remove(filepath.Join(l.Root, runner.ConfigName)); err != nil {
		t.Fatal(err)
	}
	o.Layouts = []runner.Layout{runner.Unconfigured(l.Root)}
	if r := Uninstall(o); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "wrapped Workers are alive") || r.Steps != 0 {
		t.Errorf("%+v", r)
	}
}

// TestForgetsWhatIsGone: an uninstall leaves no entry of a runner that was moved away or emptied, and none of its units;
// those of a runner that is there stay.
func TestForgetsWhatIsGone(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	moved, emptied, stays, last := scratch.Runner(t, m.Root, "a", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "b", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "c", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "d", "", scratch.OwnWorker)
	before := scratch.Tree(t, filepath.Join(m.Root, "etc"))
	o := Options{Machine: m, Layouts: []runner.Layout{moved, emptied, stays, last}}
	output(&o)
	good(t, "install", Install(o))
	for _, err := range []error{os.Rename(moved.Root, moved.Root+".moved"), os.RemoveAll(emptied.Root), os.Mkdir(emptied.Root, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if gone, err := m.Gone(); err != nil || !slices.Equal(gone, []string{moved.Root, emptied.Root}) {
		t.Errorf("gone: %q, %v", gone, err)
	}
	o.Layouts, o.DryRun = []runner.Layout{runner.Unconfigured(moved.Root)}, true
	said := output(&o)
	if r := Uninstall(o); len(r.Failed)+len(r.NeedsRoot)+len(r.Left) > 0 || r.Steps != 6 { // stop, disable and list, of both that are gone
		t.Errorf("an uninstall of one that is gone: %+v after %q", r, *said)
	}
	o.Layouts, o.DryRun = []runner.Layout{last}, false
	good(t, "uninstall of one", Uninstall(o))
	if listed, err := m.Listed(); err != nil || len(listed) != 1 || listed[0] != stays.Root {
		t.Errorf("listed: %q, %v", listed, err)
	}
	if _, err := os.Lstat(m.Link(stays.Root)); err != nil {
		t.Error(err)
	}
	elsewhere, err := runner.FromRoot(moved.Root + ".moved")
	if err != nil {
		t.Fatal(err)
	}
	o.Layouts = []runner.Layout{stays, elsewhere}
	good(t, "uninstall of the last", Uninstall(o))
	scratch.Same(t, "etc", scratch.Tree(t, filepath.Join(m.Root, "etc")), before)
	if _, err := os.Lstat(filepath.Join(m.Root, filepath.Dir(discover.ListFile))); !os.IsNotExist(err) {
		t.Errorf("the list is there: %v", err)
	}
	if _, err := os.Lstat(m.Place()); !os.IsNotExist(err) {
		t.Errorf("the binary is there: %v", err)
	}
}
