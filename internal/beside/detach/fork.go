package detach

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// child is for the new processes. They borrow this one's memory, the last until it has become the program: to copy memory
// would cost more than all else. They allocate nothing and grow no stack: Go's runtime does not know them.
type child struct {
	path, root  uintptr // C strings
	argv, env   uintptr // vectors of C strings, as execve(2) wants them
	files       uintptr // count ints: what becomes descriptors 0, 1, …
	count       int
	others      uintptr // othersCount ints: descriptors to close, if there is no close_range(2)
	othersCount int
	drop        bool          // give up capabilities
	failed      syscall.Errno // what kept the last from becoming the program
	there       uint32        // 0 once the last has left this memory, as the kernel tells (set_tid_address(2))
	stacks      [2][4096]byte // of the two
}

// spawn is clone(2) with a stack for the new process, and the address that CLONE_CHILD_CLEARTID means. The process calls
// [between], or [become] if last is not 0. It returns what the kernel does: a PID, or a negated errno.
func spawn(flags, stack, gone uintptr, c *child, last uintptr) uintptr

// What the assembly calls, by its old names for functions of Go.
var (
	_ = between
	_ = become
)

// fork makes the process and waits only for the one in between, which ends at once.
//
// All signals are blocked meanwhile: a handler of Go's runtime must not run in a new process. The
// process in between has no exit signal, so that no SIGCHLD is sent and an inherited SIG_IGN for
// SIGCHLD does not reap it first; only __WALL waits for such a child (clone(2)).
func (c *child) fork() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, old uint64
	all = ^uint64(0)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid := int(spawn(unix.CLONE_VM|unix.CLONE_VFORK, c.stack(0), 0, c, 0))
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	if pid < 0 {
		return os.NewSyscallError("clone", syscall.Errno(-pid))
	}
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			_ = c.wait() // the last may have been made
			return os.NewSyscallError("wait4", err)
		}
		if errno := status.ExitStatus(); errno != 0 {
			return os.NewSyscallError("clone", syscall.Errno(errno))
		}
		return nil
	}
}

// wait waits until the last has become the program, or could not.
func (c *child) wait() error {
	const futexWait = 0 // include/uapi/linux/futex.h
	for atomic.LoadUint32(&c.there) != 0 {
		_, _, errno := syscall.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&c.there)), futexWait, 1, 0, 0, 0)
		if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
			return os.NewSyscallError("futex", errno)
		}
	}
	if c.failed != 0 {
		return fmt.Errorf("running /proc/self/exe there: %w", c.failed)
	}
	return nil
}

// stack returns where the i-th stack begins.
//
//go:nosplit
func (c *child) stack(i int) uintptr {
	s := &c.stacks[i]
	return (uintptr(unsafe.Pointer(s)) + unsafe.Sizeof(*s) - 64) &^ 15
}

// between makes the process and ends. Its exit status is the errno if it cannot.
//
//go:nosplit
//go:norace
//go:nocheckptr
func between(c *child) {
	flags := unix.CLONE_VM | unix.CLONE_CHILD_CLEARTID | uintptr(unix.SIGCHLD)
	if raced {
		flags |= unix.CLONE_VFORK
	}
	c.there = 1
	pid := int(spawn(flags, c.stack(1), uintptr(unsafe.Pointer(&c.there)), c, 1))
	if pid < 0 {
		c.there = 0
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, uintptr(max(-pid, 0)), 0, 0, 0, 0, 0)
	}
}

// become runs in the new process and turns it into the program.
//
//go:nosplit
//go:norace
//go:nocheckptr
func become(c *child) {
	const lastSignal = 64
	var errno syscall.Errno
	var none uint64
	var action [4]uint64 // a struct sigaction, and more where words are short: SIG_DFL
	var header unix.CapUserHeader
	var data [2]unix.CapUserData

	syscall.RawSyscall6(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0) // cannot fail: a new process leads no group
	if _, _, errno = syscall.RawSyscall6(unix.SYS_CHDIR, c.root, 0, 0, 0, 0, 0); errno != 0 {
		goto failed
	}
	for i := range c.count {
		if _, _, errno = syscall.RawSyscall6(unix.SYS_DUP3, uintptr(at(c.files, i)), uintptr(i), 0, 0, 0, 0); errno != 0 {
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
	for signal := uintptr(1); signal <= lastSignal; signal++ { // none may reach a handler of Go's in borrowed memory
		syscall.RawSyscall6(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
	}
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
	_, _, errno = syscall.RawSyscall6(unix.SYS_EXECVE, c.path, c.argv, c.env, 0, 0, 0)
failed:
	c.failed = errno
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
