// Package keeper holds the locks of a Worker that uses the plain _temp, for as long as that lives.
//
// A lock of flock(2) is held by whoever has the open file, and a Worker must find no descriptor that it did not
// have without worker-wrap. So a process beside it has it, and ends with the Worker. The kernel lets go of the
// locks when that process ends, whatever ended it.
package keeper

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
)

// Command is the hidden subcommand whose process keeps the locks.
const Command = "__keep"

// Start hands the locked files over to a process that keeps them until the calling process ends, whatever program
// that has become by then. They stay the caller's to close, which does not unlock them.
//
// The process is in the namespaces of the calling thread. Requires Linux 5.3 (pidfd_open).
func Start(locked []*os.File) error {
	// Of itself, and before the other process is made, so that there is no doubt about whose end is waited for.
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	pidfd := os.NewFile(uintptr(fd), "pidfd")
	defer pidfd.Close()
	return detach.Start("worker-wrap", []string{Command}, append([]*os.File{pidfd}, locked...))
}

// Run is what that process does.
func Run() error {
	if _, err := unix.FcntlInt(detach.FirstFile, unix.F_GETFD, 0); err != nil { // before the runtime opens anything
		return fmt.Errorf("%s: there is no descriptor %d; only a start begins this", Command, detach.FirstFile)
	}
	if err := detach.DropPrivilege(); err != nil {
		return err
	}
	// A stop of the whole service sends these to every process, and the Worker then still has its job to end.
	signal.Ignore(unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2)
	_ = os.WriteFile("/proc/self/comm", []byte("keeper-ww"), 0) // for ps; at most 15 bytes
	runtime.GOMAXPROCS(1)
	if err := detach.WaitEnd(detach.FirstFile); err != nil {
		return fmt.Errorf("%s: %w; only a start begins this", Command, err)
	}
	return nil
}
