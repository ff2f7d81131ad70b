package install

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// aMachine is a scratch machine with the binary that users get, not yet installed.
func aMachine(t *testing.T) machine.Machine {
	t.Helper()
	root := testkit.Dir(t)
	for _, dir := range []string{"usr/local/bin", "usr/local/lib", "run/systemd/system", "etc/systemd/system", "var/lib", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return machine.Machine{Root: root, Self: testkit.Binary(t)}
}

// output gathers what is said.
func output(o *Options) *[]string {
	said := &[]string{}
	o.Say = func(line string) { *said = append(*said, line) }
	return said
}

// good fails unless everything could be done.
func good(t *testing.T, what string, r Result) {
	t.Helper()
	if len(r.Failed)+len(r.NeedsRoot) > 0 {
		t.Fatalf("%s: failed %v, needs root %q", what, r.Failed, r.NeedsRoot)
	}
}
