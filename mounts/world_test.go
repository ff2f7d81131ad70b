package mounts

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// thread is an OS thread with a mount namespace of its own, on which functions are run.
type thread struct {
	work chan func()
	done chan struct{}
	t    *testing.T
}

// newThread starts a thread in a copy of the namespace ns, or of the test's own where ns is nil.
func newThread(t *testing.T, ns *os.File) *thread {
	t.Helper()
	th := &thread{work: make(chan func()), done: make(chan struct{}), t: t}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil && ns != nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS)
		}
		if err == nil {
			err = unix.Unshare(unix.CLONE_NEWNS)
		}
		ready <- err
		if err != nil {
			return
		}
		for f := range th.work {
			f()
			th.done <- struct{}{}
		}
	}()
	if err := <-ready; err != nil {
		t.Fatalf("cannot make a mount namespace: %v", err)
	}
	t.Cleanup(func() { close(th.work) })
	return th
}

// do runs f on the thread.
func (th *thread) do(f func()) {
	th.t.Helper()
	th.work <- f
	<-th.done
}

// must runs f on the thread and ends the test if it fails.
func (th *thread) must(what string, f func() error) {
	th.t.Helper()
	var err error
	th.do(func() { err = f() })
	if err != nil {
		th.t.Fatalf("%s: %v", what, err)
	}
}

func (th *thread) namespace() *os.File {
	th.t.Helper()
	var ns *os.File
	th.must("open the namespace", func() (err error) {
		ns, err = os.Open("/proc/thread-self/ns/mnt")
		return err
	})
	th.t.Cleanup(func() { ns.Close() })
	return ns
}

func (th *thread) mount(source, target string, flags uintptr) {
	th.t.Helper()
	th.must("mount on "+target, func() error {
		if flags == 0 {
			return unix.Mount("tmpfs", target, "tmpfs", 0, "size=1m")
		}
		return unix.Mount(source, target, "", flags, "")
	})
}

func (th *thread) unmount(target string) {
	th.t.Helper()
	th.must("unmount "+target, func() error { return unix.Unmount(target, unix.MNT_DETACH) })
}

// mounted reports how many mounts lie at path, as the thread sees it.
func (th *thread) mounted(path string) int {
	th.t.Helper()
	n := 0
	th.must("read mountinfo", func() error {
		data, err := os.ReadFile("/proc/thread-self/mountinfo")
		for line := range strings.Lines(string(data)) {
			if f := strings.Fields(line); len(f) > 4 && f[4] == path {
				n++
			}
		}
		return err
	})
	return n
}

// tags returns the optional fields of the topmost mount at path: shared:N, master:N (proc_pid_mountinfo(5)),
// without the numbers.
func (th *thread) tags(path string) string {
	th.t.Helper()
	var tags []string
	th.must("read mountinfo", func() error {
		data, err := os.ReadFile("/proc/thread-self/mountinfo")
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line)
			if len(f) < 7 || f[4] != path {
				continue
			}
			tags = nil
			for _, tag := range f[6:] {
				if tag == "-" {
					break
				}
				name, _, _ := strings.Cut(tag, ":")
				tags = append(tags, name)
			}
		}
		return err
	})
	return strings.Join(tags, " ")
}

func (th *thread) exists(path string) bool {
	var err error
	th.do(func() { err = unix.Access(path, unix.F_OK) })
	return err == nil
}

// scene is a host with a runner's work folder, and the namespace of a job, copied from the host's.
type scene struct {
	dir       string
	host, job *thread
}

// work, temp and private are the paths of a work folder, its _temp and a private folder.
func (s *scene) work() string    { return filepath.Join(s.dir, "work") }
func (s *scene) temp() string    { return filepath.Join(s.work(), "_temp") }
func (s *scene) private() string { return filepath.Join(s.work(), "private") }

// newScene makes a host whose work folder lies in a mount of its own, and lets prepare change that before
// the job's namespace is copied.
func newScene(t *testing.T, prepare func(*scene)) *scene {
	t.Helper()
	testkit.RequireRoot(t)
	s := &scene{dir: testkit.Dir(t)}
	s.host = newThread(t, nil)
	// Whatever this machine's mounts are, nothing done here may reach them.
	s.host.mount("", "/", unix.MS_REC|unix.MS_PRIVATE)
	s.host.mount("", s.dir, 0)
	s.host.mount("", s.dir, unix.MS_SHARED)
	s.host.must("make folders", func() error {
		for _, d := range []string{s.temp(), s.private(), s.work() + "/beside"} {
			if err := os.MkdirAll(d, 0o755); err != nil {
				return err
			}
		}
		return os.WriteFile(s.private()+"/fresh", nil, 0o644)
	})
	if prepare != nil {
		prepare(s)
	}
	s.job = newThread(t, s.host.namespace())
	return s
}

// place opens a path in the thread's view.
func (th *thread) place(path string, flags int) *os.File {
	th.t.Helper()
	var f *os.File
	th.must("open "+path, func() error {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|flags, 0)
		if err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), path)
		return nil
	})
	th.t.Cleanup(func() { f.Close() })
	return f
}

// bind lays the private folder over _temp in the job's namespace.
func (s *scene) bind(t *testing.T, avoid Features) Result {
	t.Helper()
	m := Mount{Source: s.job.place(s.private(), 0), Target: s.job.place(s.temp(), 0)}
	var r Result
	changed := s.host.changes()
	s.job.must("Bind", func() (err error) {
		r, err = Bind(avoid, m)
		return err
	})
	if changed() {
		t.Error("the host has seen something being mounted or unmounted")
	}
	if !s.job.exists(s.temp() + "/fresh") {
		t.Error("the job does not see the folder that was laid over _temp")
	}
	if s.host.exists(s.temp()+"/fresh") || s.host.mounted(s.temp()) > s.hostTemp() {
		t.Error("the host sees the bind")
	}
	return r
}

// hostTemp is how many mounts the host itself has at _temp.
func (s *scene) hostTemp() int {
	if s.host.tags(s.temp()) != "" || s.host.mounted(s.temp()) > 0 {
		return 1
	}
	return 0
}

// ways are all steps down, forced.
func ways() map[string]Features {
	out := map[string]Features{}
	for avoid := range NewMountAPI | MountSetattr | SetGroup + 1 {
		out[fmt.Sprintf("avoid-%03b", avoid)] = avoid
	}
	return out
}
