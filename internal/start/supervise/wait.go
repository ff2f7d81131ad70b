package supervise

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Wait waits for the child pid to end, and returns its exit code, or ends this process by the signal
// that ended the child. Where a terminal stops the child this process stops too, so that a shell
// with job control sees it; SIGCONT for this process is one of the signals that the child gets.
func Wait(pid int) (code int, err error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, unix.WUNTRACED, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("wait4", err)
		case status.Exited():
			return status.ExitStatus(), nil
		case status.Signaled():
			origin.Raise(status.Signal())
			return 128 + int(status.Signal()), nil
		case status.Stopped():
			switch status.StopSignal() {
			case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
				_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
			}
		}
	}
}
