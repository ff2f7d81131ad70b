package dockerproxy

import (
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
)

// memoryLimit is what the garbage collector keeps the heap and stacks under, in bytes, as long as it can.
const memoryLimit = 12 << 20

// gcPercent keeps the heap at a tenth of Go's least, 4 MB: little of what a request leaves is in memory that was never
// used before, and whose pages the kernel has to find first.
const gcPercent = 10

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
	listener, err := inherited(ListenerFD)
	if err != nil {
		return err
	}
	pidfd := os.NewFile(PidfdFD, "pidfd")
	defer pidfd.Close()
	// It is in nobody's terminal session; these are for somebody who sends them by hand to all processes.
	signal.Ignore(unix.SIGINT, unix.SIGHUP, unix.SIGQUIT)
	unix.Umask(0o077)
	_ = os.WriteFile("/proc/self/comm", []byte(Comm), 0)
	// It only hands bytes on, and a job's machine has other work for its CPUs.
	runtime.GOMAXPROCS(1)
	debug.SetMemoryLimit(memoryLimit)
	debug.SetGCPercent(gcPercent)

	logger := newLogger(openLog(c.Log))
	logger.Printf("serving %s for %s, with %s for %s", c.Socket, c.Real, c.Private, c.Temp)
	workerEnded, unused := make(chan error, 1), make(chan struct{})
	go func() { workerEnded <- detach.WaitEnd(int(pidfd.Fd())) }()
	go func() {
		defer close(unused)
		serve(c, listener, logger)
	}()
	select {
	case <-unused: // the start goes on without, and its folder is its own concern
		logger.Printf("nobody will use this")
		return ignore(os.Remove(c.Socket), os.ErrNotExist)
	case waitErr := <-workerEnded:
		listener.Close()
		logger.Printf("the Worker has ended")
		return errors.Join(waitErr, ignore(os.Remove(c.Socket), os.ErrNotExist), after(c))
	}
}

// ignore returns err unless it is that one.
func ignore(err, that error) error {
	if errors.Is(err, that) {
		return nil
	}
	return err
}

// inherited takes over a descriptor that is a listening unix socket.
func inherited(fd int) (*os.File, error) {
	for option, want := range map[int]int{unix.SO_ACCEPTCONN: 1, unix.SO_DOMAIN: unix.AF_UNIX} {
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err != nil || got != want {
			return nil, fmt.Errorf("%s: descriptor %d is not a listening unix socket; only the shim starts this", Subcommand, fd)
		}
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, os.NewSyscallError("fcntl(O_NONBLOCK)", err)
	}
	return os.NewFile(uintptr(fd), "listener"), nil
}

// newLogger writes to the log, or nowhere.
func newLogger(file *os.File) *log.Logger {
	if file == nil {
		return log.New(io.Discard, "", 0)
	}
	return log.New(file, fmt.Sprintf("docker-proxy[%d] ", os.Getpid()), log.LstdFlags|log.Lmicroseconds|log.LUTC)
}

// openLog opens the log for appending. It returns nil if it cannot, as nothing depends on it: if a FIFO or a link has
// its name the proxy neither waits nor writes elsewhere.
func openLog(path string) *os.File {
	if path == "" {
		return nil
	}
	flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if unix.Geteuid() == 0 {
		flags |= unix.O_NOFOLLOW // nobody leads root to make a file where they could not
	}
	dir, err := unix.Open(filepath.Dir(path), flags, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(dir)
	const appending = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, filepath.Base(path), appending, 0o600)
	if err != nil {
		return nil
	}
	file := os.NewFile(uintptr(fd), path)
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		file.Close()
		return nil
	}
	return file
}
