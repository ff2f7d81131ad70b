package nsenter

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// needed are the system calls that make a mount namespace and lay mounts in it, as package mounts makes them. Their
// flags are the real ones, as a seccomp filter may look at these; paths and descriptors lead nowhere.
var needed = [...]struct {
	name string
	call uintptr
	args [5]uintptr
}{
	{name: "capset"}, // the first, so that the others have no capability to do anything with
	{"unshare", unix.SYS_UNSHARE, [5]uintptr{unix.CLONE_NEWNS}},
	{"open_tree", unix.SYS_OPEN_TREE, [5]uintptr{none, 0, unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH}},
	{"mount_setattr", unix.SYS_MOUNT_SETATTR, [5]uintptr{none, 0, unix.AT_EMPTY_PATH}},
	{"move_mount", unix.SYS_MOVE_MOUNT, [5]uintptr{none, 0, none, 0, unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH}},
	{"mount", unix.SYS_MOUNT, [5]uintptr{0, 0, 0, unix.MS_BIND}},
}

const (
	none       = ^uintptr(0) // no descriptor has this number
	capsetCall = 0           // its index in needed
)

// Deadly returns the name of the first system call that mounts need and that would end the process here: a seccomp
// filter can kill its caller; others answer with an error (seccomp(2), SECCOMP_RET_KILL_PROCESS). It returns "" if
// there is none, or if that cannot be found out.
//
// Without a filter it costs one system call. Under one a forked process makes the calls, and dies in place of this one.
func Deadly() string {
	if mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil || mode != 2 {
		return ""
	}
	first := capsetCall
	if !dies(first, len(needed)) {
		return ""
	}
	if os.Geteuid() == 0 { // it has its capabilities already, so it gets by without the call
		first++
	}
	for i := first; i < len(needed); i++ {
		if dies(i, i+1) {
			return needed[i].name
		}
	}
	return ""
}

// dies reports whether a process that makes the calls from first to before end is ended by SIGSYS.
//
// It is a plain copy of this one: a core dump ends all processes that share memory with the one that is dumped. All
// signals are blocked, as a handler of Go's runtime must not run there. A filter that answers with the signal itself
// (SECCOMP_RET_TRAP) ends it then too. Without an exit signal this process is told of its end by wait4(2) only.
func dies(first, end int) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old uint64
	all := ^uint64(0)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid, errno := forkAndCall(first, end)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	if errno != 0 {
		return false
	}
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(int(pid), &status, unix.WALL, nil); err != unix.EINTR {
			return err == nil && status.Signaled() && status.Signal() == unix.SIGSYS
		}
	}
}

// forkAndCall returns in the calling process only. After a fork no memory may be allocated and no stack grown. The new
// process leaves no core (PR_SET_DUMPABLE), even if a program is to take it (core(5)).
//
//go:nosplit
//go:norace
//go:nocheckptr
func forkAndCall(first, end int) (uintptr, syscall.Errno) {
	var header unix.CapUserHeader
	var data [2]unix.CapUserData
	header.Version = unix.LINUX_CAPABILITY_VERSION_3
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	for i := first; i < end; i++ {
		if i == capsetCall {
			syscall.RawSyscall6(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0, 0, 0, 0)
			continue
		}
		c := &needed[i]
		syscall.RawSyscall6(c.call, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], 0)
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
	}
}
