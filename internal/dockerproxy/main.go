package dockerproxy

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/detach"
)

// memoryLimit is what the garbage collector keeps the heap and stacks under, in bytes, as long as it can.
const memoryLimit = 12 << 20

// Main is the proxy's process, as [Start] starts it: it takes its descriptors, serves until its Worker
// has ended, removes its socket, and calls after with its configuration. args are those behind the
// subcommand.
func Main(args []string, after func(Config) error) error {
	if err := detach.DropPrivilege(); err != nil {
		return err
	}
	c, err := parseArgs(args)
	if err != nil {
		return err
	}
	listener, err := inherited(listenerFD)
	if err != nil {
		return err
	}
	pidfd := os.NewFile(pidfdFD, "pidfd")
	defer pidfd.Close()
	// It is in nobody's terminal session; these are for somebody who sends them by hand to all processes.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	unix.Umask(0o077)
	_ = os.WriteFile("/proc/self/comm", []byte("docker-proxy-ww"), 0) // for ps; at most 15 bytes
	runtime.GOMAXPROCS(min(4, runtime.NumCPU()))
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(50)

	logger, err := openLog(c.Log)
	if err != nil {
		return err
	}
	logger.Printf("serving %s for %s, with %s for %s", c.Socket, c.Real, c.Private, c.Temp)
	go serve(c, listener, logger)
	waitErr := waitEnd(int(pidfd.Fd()))
	listener.Close()
	logger.Printf("the Worker has ended")
	if err := os.Remove(c.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		waitErr = errors.Join(waitErr, err)
	}
	return errors.Join(waitErr, after(c))
}

// inherited makes a listener of a descriptor that is a listening socket.
func inherited(fd uintptr) (*net.UnixListener, error) {
	file := os.NewFile(fd, "listener")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("%s: descriptor %d is no listening socket; only the shim starts this: %w", Subcommand, fd, err)
	}
	listener, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, fmt.Errorf("%s: descriptor %d is no unix socket; only the shim starts this", Subcommand, fd)
	}
	listener.SetUnlinkOnClose(false) // its name leads through a descriptor that is closed
	return listener, nil
}

// waitEnd waits until the process of a pidfd has ended (pidfd_open(2): it becomes readable then).
func waitEnd(pidfd int) error {
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return os.NewSyscallError("poll(pidfd)", err)
		case fds[0].Revents&unix.POLLNVAL != 0:
			return fmt.Errorf("%s: descriptor %d is no pidfd; only the shim starts this", Subcommand, pidfd)
		default:
			return nil
		}
	}
}

// openLog opens the log for appending, or one that goes nowhere.
func openLog(path string) (*log.Logger, error) {
	if path == "" {
		return log.New(io.Discard, "", 0), nil
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	return log.New(file, fmt.Sprintf("docker-proxy[%d] ", os.Getpid()), log.LstdFlags|log.Lmicroseconds|log.LUTC), nil
}
