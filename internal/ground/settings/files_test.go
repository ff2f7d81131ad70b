package settings

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[[2]os.FileMode]string{
		{0o755, 0o600}: "the mode of " + MachineFile + " has it: sudo chmod a+r " + MachineFile,
		{0o700, 0o644}: "the mode of /etc/worker-wrap has it: sudo chmod a+x /etc/worker-wrap",
		{0o711, 0o644}: "<nil>",
	} {
		if err := errors.Join(os.Chmod(filepath.Dir(MachineFile), mode[0]), os.Chmod(MachineFile, mode[1])); err != nil {
			t.Fatal(err)
		}
		var err error
		asUser(t, func() { _, err = Lines(MachineFile) })
		if got := fmt.Sprint(err); !strings.Contains(got, want) {
			t.Errorf("%04o: %s, want %s", mode, got, want)
		}
	}
}

// asUser has a thread of an ordinary user's do it.
func asUser(t *testing.T, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and it ends with the goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			t.Error(errno)
			return
		}
		do()
	}()
	<-done
}
