package dockerproxy

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
)

// Descriptors of the process, in the order in which [Start] hands them over.
const (
	ListenerFD = detach.FirstFile + iota
	PidfdFD    // of the process that is the Worker
)

// Launched is a proxy whose socket is not laid over the real one yet. Nil is none.
type Launched struct {
	listener *os.File
	process  *detach.Begun
}

// Wait waits until the proxy's process runs. On an error there is none, and no socket.
func (l *Launched) Wait() error {
	if l == nil {
		return nil
	}
	err := l.process.Wait()
	if err != nil {
		_ = os.Remove(l.listener.Name())
	}
	return failed(err)
}

// Keep leaves the proxy to the end of this process.
func (l *Launched) Keep() {
	if l != nil {
		l.listener.Close()
	}
}

// End ends the proxy, which nobody will use.
func (l *Launched) End() {
	if l == nil {
		return
	}
	defer l.listener.Close()
	_ = l.Wait()
	if raw, err := l.listener.SyscallConn(); err == nil { // Fd makes the proxy's descriptor block
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), unix.SHUT_RDWR) })
	}
}

// Start makes the proxy's socket, c.Socket, and starts the proxy for the calling process: it ends
// when this process does, whatever program that has become by then.
//
// The caller must be in the host's mount namespace still. When Start returns the socket exists and
// queues clients, with the access of c.Real; the caller may lay it over c.Real in the job's namespace. On
// an error there is neither a socket nor a process. The caller must call Wait before anything relies on the proxy, and
// then Keep or End. Requires Linux 5.3 (pidfd_open).
func Start(c Config) (l *Launched, err error) {
	defer func() { err = failed(err) }()
	// Of itself, so that there is no doubt about whose end is waited for.
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	socket, err := listen(c.Socket, c.Real)
	if err != nil {
		return nil, err
	}
	process, err := detach.Begin(Name, c.args(), []*os.File{socket, pidfd})
	if err != nil {
		socket.Close()
		_ = os.Remove(c.Socket)
		return nil, err
	}
	return &Launched{socket, process}, nil
}

func failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("no Docker proxy: %w", err)
}
