package mounts

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// changes returns a function that reports whether the thread's mounts have changed since, if only for a moment
// (proc_pid_mounts(5), on poll).
func (th *thread) changes() func() bool {
	th.t.Helper()
	var f *os.File
	changed := func() bool {
		th.t.Helper()
		return testkit.Polled(th.t, int(f.Fd()), unix.POLLPRI, 0)
	}
	th.must("open mountinfo", func() (err error) {
		f, err = os.Open("/proc/thread-self/mountinfo")
		return err
	})
	th.t.Cleanup(func() { f.Close() })
	return changed
}

// directions mounts and unmounts on either side, and looks on the other. out is whether what the job mounts beside
// _temp reaches the host, inside whether what it mounts in _temp does.
func (s *scene) directions(t *testing.T, out, inside bool) {
	t.Helper()
	beside := s.work() + "/beside"
	s.host.mount("", beside, 0)
	if s.job.mounted(beside) != 1 {
		t.Error("what the host mounts does not reach the job")
	}
	s.host.unmount(beside)
	if s.job.mounted(beside) != 0 {
		t.Error("what the host unmounts stays in the job")
	}

	s.job.mount("", beside, 0)
	if got := s.host.mounted(beside) == 1; got != out {
		t.Errorf("what the job mounts beside _temp reaches the host: %v, want %v", got, out)
	}
	s.job.unmount(beside)
	if s.host.mounted(beside) != 0 {
		t.Error("what the job unmounts stays on the host")
	}

	s.job.must("mkdir", func() error { return os.Mkdir(s.temp()+"/inside", 0o755) })
	s.job.mount("", s.temp()+"/inside", 0)
	if got := s.host.mounted(s.private()+"/inside") == 1; got != inside {
		t.Errorf("what the job mounts in its _temp is in the private folder on the host: %v, want %v", got, inside)
	}
	if s.host.exists(s.temp() + "/inside") {
		t.Error("what the job made in its _temp is in the host's")
	}
	s.job.unmount(s.temp() + "/inside")
	if s.host.mounted(s.private()+"/inside") != 0 {
		t.Error("what the job unmounts in its _temp stays on the host")
	}
}
