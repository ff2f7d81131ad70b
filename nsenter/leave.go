package nsenter

import (
	"os"

	"golang.org/x/sys/unix"
)

// LeaveNothing makes the calling thread, of a process that [StartInUser] made, ready to become another
// program: without the capability that it was started with, and to be killed when its parent ends (until now that holds
// for its main thread only). It reports whether parent, a PID, is still its parent. If it is not, the parent ended
// before this call.
func LeaveNothing(parent int) (bool, error) {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return false, os.NewSyscallError("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if os.Geteuid() == 0 { // root keeps its permitted set; only the inheritable one is cleared
		if err := unix.Capget(&header, &data[0]); err != nil {
			return false, os.NewSyscallError("capget", err)
		}
		data[0].Inheritable, data[1].Inheritable = 0, 0
	}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return false, os.NewSyscallError("capset", err)
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return false, os.NewSyscallError("prctl(PR_SET_PDEATHSIG)", err)
	}
	return os.Getppid() == parent, nil
}
