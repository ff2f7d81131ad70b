package trial

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const nobody = 65534

// TestTrialIsGivenAwayWhole: while root gives a scratch runner to its user, that user puts a link to another user's
// runner in the place of its bin. What is there stays that user's.
func TestTrialIsGivenAwayWhole(t *testing.T) {
	testkit.RequireRoot(t)
	tmp, other := testkit.Dir(t), filepath.Join(testkit.Dir(t), "bin")
	t.Setenv("TMPDIR", tmp)
	real := filepath.Join(other, runner.RealWorkerName)
	if err := errors.Join(os.Mkdir(other, 0o755), os.WriteFile(real, nil, 0o755)); err != nil {
		t.Fatal(err)
	}
	var enough atomic.Bool
	swaps := make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that nobody else gets the thread
		n := 0
		err := unix.Setfsuid(nobody) // a thread's own, with which it loses its rights to others' files
		for !enough.Load() && err == nil {
			roots, _ := os.ReadDir(tmp)
			for _, root := range roots {
				bin := filepath.Join(tmp, root.Name(), "bin")
				if unix.Rename(bin, bin+".aside") == nil && unix.Symlink(other, bin) == nil {
					n++
				}
			}
		}
		swaps <- n
	}()
	for range 300 {
		if s, err := newScratch(Worker{Binary: "/nonexistent", UID: nobody}); err == nil {
			_ = os.RemoveAll(s.root) // unless there is something new in it by now
		}
	}
	enough.Store(true)
	t.Logf("%d swaps", <-swaps)
	if st, err := os.Lstat(real); err != nil || st.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Errorf("another's file was given away: %v, %v", st, err)
	}
}
