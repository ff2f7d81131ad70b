package detach

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// WaitEnd waits until the process of a pidfd has ended (pidfd_open(2): it becomes readable then).
func WaitEnd(pidfd int) error {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("poll(pidfd)", err)
		case fds[0].Revents&unix.POLLNVAL != 0:
			return fmt.Errorf("descriptor %d is no pidfd", pidfd)
		default:
			return nil
		}
	}
}
