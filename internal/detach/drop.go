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
	done, err := nsenter.RoomForSignals()
	if err != nil {
		return err
	}
	defer done()
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return os.NewSyscallError("prctl(PR_SET_NO_NEW_PRIVS)", errno)
	}
	return DropCapabilities()
}

// DropCapabilities gives up every capability in all threads, unless the user is root. Programs that are
// started afterwards may gain some again, as sudo does.
func DropCapabilities() error {
	if unix.Geteuid() == 0 {
		return nil
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err == nil && data == [2]unix.CapUserData{} {
		return nil
	}
	done, err := nsenter.RoomForSignals()
	if err != nil {
		return err
	}
	defer done()
	data = [2]unix.CapUserData{}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0)
	if errno != 0 {
		return os.NewSyscallError("capset", errno)
	}
	return nil
}

// unprivileged reports whether there is nothing to give up. All threads of a program that has not yet
// changed any of them are alike.
func unprivileged() bool {
	if set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || set != 1 {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	return unix.Geteuid() == 0 || err == nil && data == [2]unix.CapUserData{}
}
