package detach

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// DropPrivilege gives up every capability in all threads, unless the user is root, and the way to gain
// any by execve(2). A process that [Start] made has none; but anybody may run the hidden subcommand by
// hand, from a file that has a capability, and with any environment.
//
// In a program that uses cgo [syscall.AllThreadsSyscall] does not work, and it fails if there is anything to give up.
func DropPrivilege() error {
	if unprivileged() {
		return nil
	}
	err := nsenter.InAllThreads(func() error {
		_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
		return failed("prctl(PR_SET_NO_NEW_PRIVS)", errno)
	})
	if err != nil {
		return nsenter.WithoutCgo(err)
	}
	return nsenter.DropCapabilities()
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
	return err == nil && set == 1 && nsenter.Powerless()
}
