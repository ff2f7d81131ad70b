package detach

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// DropPrivilege gives up every capability in all threads, unless the user is root, and the way to gain
// any by execve(2). A process that [Start] made has none; but anybody may run the hidden subcommand by
// hand, from a file that has a capability, and with any environment.
//
// In a program that uses cgo, where [syscall.AllThreadsSyscall] does not work, it fails if there is
// anything to give up.
func DropPrivilege() error {
	if unprivileged() {
		return nil
	}
	err := nsenter.InAllThreads(func() error {
		_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
		return failed("prctl(PR_SET_NO_NEW_PRIVS)", errno)
	})
	if err != nil {
		return err
	}
	return DropCapabilities()
}

// DropCapabilities gives up every capability in all threads, unless the user is root. Programs that are
// started afterwards may gain some again, as sudo does.
func DropCapabilities() error {
	if powerless() {
		return nil
	}
	return nsenter.InAllThreads(func() error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
		return failed("capset", errno)
	})
}

func failed(call string, errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return os.NewSyscallError(call, errno)
}

// unprivileged reports whether there is nothing to give up. All threads of a program that has not yet
// changed any of them are alike.
func unprivileged() bool {
	set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	return err == nil && set == 1 && powerless()
}

// powerless reports whether no capability is to be given up: there is none, or the user is root.
func powerless() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Geteuid() == 0 || unix.Capget(&header, &data[0]) == nil && data == [2]unix.CapUserData{}
}
