package nsenter_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// onThread runs f on a goroutine whose thread ends with it.
func onThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func namespace(t *testing.T) uint64 {
	t.Helper()
	ns, err := nsenter.MountNamespace()
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

func TestUnshareAndJoin(t *testing.T) {
	testkit.RequireRoot(t)
	host := namespace(t)
	dir := testkit.Dir(t)
	var made *os.File
	onThread(func() {
		if err := nsenter.UnshareMounts(); err != nil {
			t.Error(err)
			return
		}
		if namespace(t) == host {
			t.Error("the thread is in the host's namespace still")
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			t.Error(err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
			t.Error(err)
		}
		if err := os.WriteFile(dir+"/inside", nil, 0o600); err != nil {
			t.Error(err)
		}
		// What is run outside does not see it.
		err := nsenter.Outside(func() error {
			_, err := os.Stat(dir + "/inside")
			return err
		})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("outside the file is there: %v", err)
		}
		made, err = os.Open("/proc/thread-self/ns/mnt")
		if err != nil {
			t.Error(err)
		}
	})
	if t.Failed() {
		return
	}
	defer made.Close()
	onThread(func() {
		if err := nsenter.JoinMounts(made); err != nil {
			t.Error(err)
			return
		}
		if _, err := os.Stat(dir + "/inside"); err != nil {
			t.Errorf("after joining: %v", err)
		}
	})
	if namespace(t) != host {
		t.Error("another thread has left the host's namespace")
	}
	if _, err := os.Stat(dir + "/inside"); err == nil {
		t.Error("the host sees the file")
	}
}

func TestErrorsAreErrnos(t *testing.T) {
	testkit.RequireRoot(t)
	onThread(func() {
		f, err := os.Open("/dev/null")
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if err := nsenter.JoinMounts(f); !errors.Is(err, unix.EINVAL) {
			t.Errorf("joining /dev/null: %v, want EINVAL", err)
		}
	})
	for _, link := range []string{"/proc/self/exe", "/dev/null", "/proc/self/ns/nothing"} {
		if n, err := nsenter.Inode(link); err == nil {
			t.Errorf("%s names namespace %d", link, n)
		}
	}
}
