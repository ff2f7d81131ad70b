package detach

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// child is what the forked processes need, as bare numbers: after a fork no pointer may be written, no memory allocated
// and no stack grown: the garbage collector and the other threads are not there.
type child struct {
	path, root  uintptr // C strings
	argv, env   uintptr // vectors of C strings, as execve(2) wants them
	files       uintptr // count ints: what becomes descriptors 0, 1, …; the last is the status pipe
	count       int
	others      uintptr // othersCount ints: descriptors to close, if there is no close_range(2)
	othersCount int
	drop        bool // give up capabilities
}

// fork makes the process and waits for the one in between, which ends at once.
//
// All signals are blocked meanwhile: a handler of Go's runtime must not run in a forked process. The
// process in between has no exit signal, so that no SIGCHLD is sent and an inherited SIG_IGN for
// SIGCHLD does not reap it first; only __WALL waits for such a child (clone(2)).
func (c *child) fork() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old uint64
	all = ^uint64(0)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid, errno := c.forkTwice()
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("clone", errno)
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(int(pid), &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("wait4", err)
		}
		if errno := status.ExitStatus(); errno != 0 {
			return os.NewSyscallError("clone", syscall.Errno(errno))
		}
		return nil
	}
}

// forkTwice returns in the calling process only.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (c *child) forkTwice() (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	pid, _, errno = syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if pid == 0 && errno == 0 {
		c.become()
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, uintptr(errno), 0, 0, 0, 0, 0)
	}
}

// become runs in the new process and turns it into the program.
//
//go:nosplit
//go:norace
//go:nocheckptr
func (c *child) become() {
	var errno syscall.Errno
	var none uint64
	var code byte
	var header unix.CapUserHeader
	var data [2]unix.CapUserData

	syscall.RawSyscall6(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0) // cannot fail: a new process leads no group
	if _, _, errno = syscall.RawSyscall6(unix.SYS_CHDIR, c.root, 0, 0, 0, 0, 0); errno != 0 {
		goto failed
	}
	for i := range c.count {
		flags := uintptr(0)
		if i == c.count-1 {
			flags = unix.O_CLOEXEC
		}
		if _, _, errno = syscall.RawSyscall6(unix.SYS_DUP3, uintptr(at(c.files, i)), uintptr(i), flags, 0, 0, 0); errno != 0 {
			goto failed
		}
	}
	if c.others == 0 {
		_, _, errno = syscall.RawSyscall6(unix.SYS_CLOSE_RANGE, uintptr(c.count), uintptr(^uint32(0)), 0, 0, 0, 0)
		if errno != 0 {
			goto failed
		}
	}
	for i := range c.othersCount {
		syscall.RawSyscall6(unix.SYS_CLOSE, uintptr(at(c.others, i)), 0, 0, 0, 0, 0)
	}
	if c.drop {
		// Before execve, and not by no_new_privs alone: a capability of the file that the process has
		// already is not gained and would be kept (security/commoncap.c, cap_bprm_creds_from_file).
		header.Version = unix.LINUX_CAPABILITY_VERSION_3
		if _, _, errno = syscall.RawSyscall6(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0, 0, 0, 0); errno != 0 {
			goto failed
		}
	}
	if _, _, errno = syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		goto failed
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
	_, _, errno = syscall.RawSyscall6(unix.SYS_EXECVE, c.path, c.argv, c.env, 0, 0, 0)
failed:
	code = byte(errno) // all that execve(2) and the others give are below 256
	syscall.RawSyscall6(unix.SYS_WRITE, uintptr(c.count-1), uintptr(unsafe.Pointer(&code)), 1, 0, 0, 0)
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 1, 0, 0, 0, 0, 0)
	}
}

// at reads the i-th int of the array at p.
//
//go:nosplit
//go:norace
//go:nocheckptr
func at(p uintptr, i int) int {
	return *(*int)(unsafe.Add(*(*unsafe.Pointer)(unsafe.Pointer(&p)), uintptr(i)*unsafe.Sizeof(i)))
}
