package nsenter

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Call is a system call, by its number.
type Call struct {
	Number uintptr
	Args   [5]uintptr
}

// needed are the system calls that make a mount namespace and lay mounts in it, as package mounts makes them. Their
// flags are the real ones, as a seccomp filter may look at these; paths and descriptors lead nowhere.
var needed = [...]struct {
	name string
	Call
}{
	{"unshare", Call{unix.SYS_UNSHARE, [5]uintptr{unix.CLONE_NEWNS}}},
	{"open_tree", Call{unix.SYS_OPEN_TREE, [5]uintptr{none, 0, unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_EMPTY_PATH}}},
	{"mount_setattr", Call{unix.SYS_MOUNT_SETATTR, [5]uintptr{none, 0, unix.AT_EMPTY_PATH}}},
	{"move_mount", Call{unix.SYS_MOVE_MOUNT, [5]uintptr{none, 0, none, 0, unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH}}},
	{"mount", Call{unix.SYS_MOUNT, [5]uintptr{0, 0, 0, unix.MS_BIND}}},
}

const none = ^uintptr(0) // no descriptor has this number

// nothing is what capset(2) is given by those who give up everything. No stack has it, which moves.
var nothing = struct {
	header unix.CapUserHeader
	data   [2]unix.CapUserData
}{header: unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}}

func giveUp() Call {
	return Call{unix.SYS_CAPSET, [5]uintptr{uintptr(unsafe.Pointer(&nothing.header)), uintptr(unsafe.Pointer(&nothing.data))}}
}

// Deadly returns the name of the first system call that mounts need and that would end the process here: a seccomp
// filter can kill its caller; others answer with an error (seccomp(2), SECCOMP_RET_KILL_PROCESS). It returns "" if
// there is none, or if that cannot be found out.
func Deadly() string {
	calls := []Call{giveUp()} // the first, so that the others have no capability to do anything with
	for _, c := range needed {
		calls = append(calls, c.Call)
	}
	if !Kills(calls...) {
		return ""
	}
	if os.Geteuid() != 0 && Kills(giveUp()) { // root has its capabilities already, so it gets by without the call
		return "capset"
	}
	for _, c := range needed {
		if Kills(c.Call) {
			return c.name
		}
	}
	return ""
}

// Kills reports whether a seccomp filter ends a process here that makes one of these calls. It says no if that cannot be
// found out.
//
// Without a filter it costs one system call. Under one a forked process makes the calls, and dies in place of this one.
func Kills(calls ...Call) bool {
	const filtered = 2 // SECCOMP_MODE_FILTER
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == filtered && dies(calls)
}

// MayChown is false if a seccomp filter ends whoever changes a file's owner or group.
func MayChown() bool {
	return !Kills(Call{unix.SYS_FCHOWN, [5]uintptr{none, none, none}}, Call{unix.SYS_FCHOWNAT, [5]uintptr{none, 0, none, none, unix.AT_EMPTY_PATH}})
}

// dies reports whether a process that makes these calls is ended by SIGSYS.
//
// It is a plain copy of this one: a core dump ends all processes that share memory with the one that is dumped. All
// signals are blocked, as a handler of Go's runtime must not run there. A filter that answers with the signal itself
// (SECCOMP_RET_TRAP) ends it then too. Without an exit signal this process is told of its end by wait4(2) only.
func dies(calls []Call) bool {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old uint64
	all := ^uint64(0)
	syscall.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	pid, errno := forkAndCall(calls)
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
func forkAndCall(calls []Call) (uintptr, syscall.Errno) {
	pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	syscall.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	for i := range calls {
		c := &calls[i]
		syscall.RawSyscall6(c.Number, c.Args[0], c.Args[1], c.Args[2], c.Args[3], c.Args[4], 0)
	}
	for {
		syscall.RawSyscall6(unix.SYS_EXIT_GROUP, 0, 0, 0, 0, 0, 0)
	}
}
