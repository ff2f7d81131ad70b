package starts_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// workerVar makes this test program a Worker that comes to grief, in the way it says.
const workerVar = "WORKER_WRAP_TEST_WORKER"

// testWorker makes the Listener start this test program, under the shim's name.
func testWorker(how string) func(*testing.T, scratch) {
	return func(t *testing.T, s scratch) {
		program := s.testProgram(t)
		instead("")(t, s)
		aside := filepath.Join(s.root, "bin.test")
		must(t, os.Mkdir(aside, 0o755))
		path := filepath.Join(aside, runner.WorkerName)
		must(t, os.Symlink(program, path))
		must(t, os.WriteFile(s.worker, []byte("#!/bin/sh\nexport "+workerVar+"="+how+"\nexec "+path+" \"$@\"\n"), 0o755))
	}
}

// testProgram returns the path of a copy of this test program that every user may run.
func (s scratch) testProgram(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	path := filepath.Join(s.root, "test")
	must(t, os.WriteFile(path, self, 0o755))
	return path
}

// worker returns why there is none.
func worker(how string) error {
	switch how {
	case "kill":
		must := func(err error) {
			if err != nil {
				panic(err)
			}
		}
		// The process in the user namespace is the one that mounts.
		const move = unix.SYS_MOVE_MOUNT
		filter := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: move},
			// Not the calls that lead nowhere, by which a start finds out what it would die of (nsenter.Deadly).
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // the first argument, of struct seccomp_data
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: ^uint32(0)},
			{Code: unix.BPF_RET, K: unix.SECCOMP_RET_KILL_PROCESS},
			{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
		}
		program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		must(unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		if _, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
			return errno
		}
		must(os.Unsetenv(workerVar))
		path := filepath.Join(filepath.Dir(filepath.Dir(os.Args[0])), "bin.shim", runner.WorkerName)
		return unix.Exec(path, append([]string{path}, os.Args[1:]...), os.Environ())
	}
	return errors.New("no such way")
}
