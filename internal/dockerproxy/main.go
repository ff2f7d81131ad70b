package dockerproxy

import (
	"errors"
	"fmt"
	"io"
	"log"
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
	// It only hands bytes on, and a job's machine has other work for its CPUs.
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(memoryLimit)

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

// inherited takes over a descriptor that is a listening unix socket.
func inherited(fd int) (*os.File, error) {
	for option, want := range map[int]int{unix.SO_ACCEPTCONN: 1, unix.SO_DOMAIN: unix.AF_UNIX} {
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err != nil || got != want {
			return nil, fmt.Errorf("%s: descriptor %d is no listening unix socket; only the shim starts this", Subcommand, fd)
		}
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl(O_NONBLOCK)", err)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
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
