package settings

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestIn: the runner's own lines come first; what is no setting is left out; what is no file, or too long, is an error.
func TestIn(t *testing.T) {
	testkit.RequireRoot(t)
	if err := unix.Mount("none", "/etc", "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount("/etc", unix.MNT_DETACH) })
	root := t.TempDir()
	if lines, err := In(root); err != nil || lines != nil {
		t.Fatalf("without files: %q, %v", lines, err)
	}
	own := filepath.Join(root, RunnerFile)
	err := errors.Join(
		os.WriteFile(own, []byte("\xef\xbb\xbf# ours\r\nA=1\r\n\n B=2 \n"), 0o644),
		os.Mkdir(filepath.Dir(MachineFile), 0o755), os.WriteFile(MachineFile, []byte("A=3\nC=4"), 0o644),
	)
	if err != nil {
		t.Fatal(err)
	}
	if lines, err := In(root); err != nil || !slices.Equal(lines, []string{"A=1", "B=2", "A=3", "C=4"}) {
		t.Errorf("%q, %v", lines, err)
	}
	if err := os.WriteFile(own, []byte(strings.Repeat("#\n", MaxSize)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := In(root); err == nil || !strings.Contains(err.Error(), own) {
		t.Errorf("a long one: %v", err)
	}
	if err := errors.Join(os.Remove(own), unix.Mkfifo(own, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := In(root); err == nil || !strings.Contains(err.Error(), own) {
		t.Errorf("a FIFO: %v", err)
	}
}
