package dockerproxy

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
)

// Descriptors of the process, in the order in which [Start] hands them over.
const (
	listenerFD = detach.FirstFile + iota
	pidfdFD
)

// Start makes the proxy's socket, c.Socket, and starts the proxy for the calling process: it ends
// when this process does, whatever program that has become by then.
//
// The caller must be in the host's mount namespace still. When Start returns the socket exists and
// queues clients, with the access of c.Real; the caller may lay it over c.Real in the job's namespace. On
// an error there is neither a socket nor a process. Requires Linux 5.3 (pidfd_open).
func Start(c Config) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("no Docker proxy: %w", err)
		}
	}()
	// Of itself, so that there is no doubt about whose end is waited for.
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	socket, err := listen(c.Socket, c.Real)
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := detach.Start("worker-wrap", c.args(), []*os.File{socket, pidfd}); err != nil {
		_ = os.Remove(c.Socket)
		return err
	}
	return nil
}
