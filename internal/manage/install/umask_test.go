package install

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestInstallForOthers: on a hardened machine root's umask lets nobody else in, and the runner's user gets in all the same.
func TestInstallForOthers(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	o := Options{Machine: m, Layouts: []runner.Layout{scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)}}
	output(&o)
	const hardened = 0o077
	defer unix.Umask(unix.Umask(hardened))
	good(t, "install", Install(o))
	for _, folder := range []string{"usr/local/lib/worker-wrap", "usr/local/bin", "etc/worker-wrap"} {
		st, err := os.Stat(filepath.Join(m.Root, folder))
		if err != nil || st.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", folder, st, err)
		}
	}
	if now := unix.Umask(hardened); now != hardened {
		t.Errorf("the umask is %03o now", now)
	}
}
