package install

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// aLife is a PID namespace that is gone.
const aLife = "7-12345-4026531000-0123456789ab"

// TestUninstallAfterARestart: an old, empty folder of a former container's start stays in nobody's way; one in which
// something is, or that is new, may be a living Worker's.
func TestUninstallAfterARestart(t *testing.T) {
	for name, test := range map[string]struct {
		age   time.Duration
		inner string
		gone  bool
	}{
		"old and empty":  {2 * unused, "", true},
		"new and empty":  {0, "", false},
		"old, with more": {2 * unused, "file", false},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.RequireRoot(t)
			m := aMachine(t)
			layouts := []runner.Layout{scratch.Runner(t, m.Root, "r", "2.335.0", scratch.Proved+"own")}
			o := Options{Machine: m, Layouts: layouts, Say: func(string) {}, Force: true}
			good(t, "install", Install(o))
			o.Force = false
			dir := filepath.Join(perpid.Path(layouts[0].Temp), aLife)
			if test.inner != "" {
				scratch.Text(t, filepath.Join(dir, test.inner), "")
			} else if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			then := time.Now().Add(-test.age)
			if err := os.Chtimes(dir, then, then); err != nil {
				t.Fatal(err)
			}
			r := Uninstall(o)
			if done := len(r.Failed) == 0; done != test.gone {
				t.Errorf("failed: %v", r.Failed)
			}
			if _, err := os.Lstat(filepath.Dir(dir)); os.IsNotExist(err) != test.gone {
				t.Errorf("the store: %v", err)
			}
			o.Force = true
			if r := Uninstall(o); len(r.Failed) > 0 {
				t.Errorf("with --force: %v", r.Failed)
			}
			if has, err := hasShim(runner.Unconfigured(layouts[0].Root)); has || err != nil {
				t.Errorf("the shim is there still: %v", err)
			}
		})
	}
}

// TestUninstallOfAWorkFolderElsewhere: what Workers left is where the unit has the work folder from.
func TestUninstallOfAWorkFolderElsewhere(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "2.335.0", scratch.Proved+"own")
	scratch.Text(t, filepath.Join(l.Root, ".service"), "ci.service")
	scratch.Text(t, filepath.Join(m.Root, "etc/systemd/system/ci.service"),
		"[Service]\nUser=nobody\nExecStart=/home/ci/r/run.sh\nBindPaths=/data/w:/home/ci/r/_work\n")
	store := filepath.Join(m.Root, "data/w", perpid.StoreName)
	scratch.Text(t, filepath.Join(store, "1-1-4026531836-0123456789ab", "left"), "")
	scratch.Own(t, filepath.Join(m.Root, "data"))
	o := Options{Machine: m, Layouts: []runner.Layout{l}, Say: func(string) {}, Force: true}
	good(t, "install", Install(o))
	o.Force = false
	good(t, "uninstall", Uninstall(o))
	if _, err := os.Lstat(store); !os.IsNotExist(err) {
		t.Errorf("what Workers left is there still: %v", err)
	}
}
