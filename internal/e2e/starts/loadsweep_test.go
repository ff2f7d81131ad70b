package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLeftoversBesideAStart leaves 100,000 files, or a million, and sees that the next start becomes its program while
// they are still there; in the end they are gone.
func TestLeftoversBesideAStart(t *testing.T) {
	testkit.RequireRoot(t)
	adopt(t)
	folders, files := 100, 1000
	if os.Getenv(fullLoadVar) != "" {
		folders = 1000
	}
	_, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	store := filepath.Join(filepath.Dir(filepath.Dir(path)), perpid.StoreName)
	owner, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	owner.Start++ // no process with this PID started then
	left := filepath.Join(store, owner.String())
	parallel(folders, 2*runtime.NumCPU(), func(i int) {
		dir := filepath.Join(left, fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Error(err)
		}
		for j := range files {
			fd, err := unix.Open(fmt.Sprintf("%s/%d", dir, j), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
			if err != nil {
				t.Error(err)
				return
			}
			unix.Close(fd)
		}
	})
	mounts := hostMounts(t)
	p := testkit.Shell(t, path)
	if got := entries(t, store); len(got) != 2 {
		t.Errorf("when the Worker runs the store holds %v; want its own folder and the leftovers, being deleted", got)
	}
	if got := p.Do(t, "ps -o comm= --ppid $$"); got != "ps" {
		t.Errorf("the Worker's children are %q, want ps only", got)
	}
	eventually(t, func() error {
		if got := entries(t, store); len(got) != 1 {
			return fmt.Errorf("the store holds %v, want the Worker's folder only", got)
		}
		return nil
	})
	if got := p.Do(t, "echo $WORKER_WRAP_HOST_TEMP"); got != p.Host {
		t.Errorf("the Worker's folder is %q, was %q", got, p.Host)
	}
	if !slices.Contains(entries(t, store), filepath.Base(p.Host)) {
		t.Error("the living Worker's folder was swept")
	}
	eventually(t, func() error { // the sweep's process ends
		_, _ = unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if left := childrenOf(t, os.Getpid()); len(left) != 1 || left[0] != p.Process.Pid {
			return fmt.Errorf("processes %v are there, want only %d", left, p.Process.Pid)
		}
		return nil
	})
	if after := hostMounts(t); after != mounts {
		t.Errorf("the host's mounts changed:\n%s\nto\n%s", mounts, after)
	}
}
