package front

import (
	"os"

	"golang.org/x/sys/unix"
)

// Connect returns the two ends of a stream between supervisor and child.
func Connect() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "supervisor"), nil
}

// Send writes to a stream whose other end may be gone, without a SIGPIPE.
func Send(line *os.File, data []byte) error {
	for len(data) > 0 {
		n, err := unix.SendmsgN(int(line.Fd()), data, nil, nil, unix.MSG_NOSIGNAL)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("sendmsg", err)
		}
		data = data[max(n, 0):]
	}
	return nil
}

// Reap ends a child, waits for its end, and returns how it came.
func Reap(pid int) (status unix.WaitStatus) {
	_ = unix.Kill(pid, unix.SIGKILL)
	for {
		if _, err := unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status
		}
	}
}
