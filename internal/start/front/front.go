package front

import (
	"os"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// LetGo closes every descriptor that this process inherited, and puts /dev/null in the place of the first
// three. Inherited are those that are not close-on-exec: execve(2) closes the others, and whatever a Go
// program opens itself is.
func LetGo() error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	defer unix.Close(null)
	// Not by os.Open, for which the runtime makes descriptors of its own, and ends the process where it can't.
	fd, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc/self/fd", Err: err}
	}
	dir := os.NewFile(uintptr(fd), "/proc/self/fd")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		switch {
		case err != nil || flags&unix.FD_CLOEXEC != 0:
		case n <= 2:
			if err := unix.Dup3(null, n, 0); err != nil {
				return os.NewSyscallError("dup3", err)
			}
		default:
			unix.Close(n)
		}
	}
	return nil
}

// Signals catches every signal that can be caught, but for those that the kernel and Go's runtime send to
// the process on their own account: SIGCHLD, SIGURG (which the runtime preempts goroutines with) and
// the two that C libraries keep for themselves.
//
// A signal for a whole process group, such as ^C on a terminal, reaches the child twice: from its sender and
// from here. os/signal does not tell who has sent one, and signalfd(2) would need every thread of
// the runtime to block it.
type Signals struct{ caught chan os.Signal }

// Catch begins to catch. Signals wait until there is a child to hand them to.
func Catch() *Signals {
	s := &Signals{make(chan os.Signal, 256)}
	var all []os.Signal
	for n := unix.Signal(1); n <= 64; n++ {
		switch n {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGURG, 32, 33:
		default:
			all = append(all, n)
		}
	}
	signal.Notify(s.caught, all...)
	return s
}

// Forward hands the signals to the process pid from now on, which must be a child not yet waited for.
func (s *Signals) Forward(pid int) {
	go func() {
		for sig := range s.caught {
			_ = unix.Kill(pid, sig.(unix.Signal)) // a child that has just ended is waited for already
		}
	}()
}

// Release stops catching, before there was a child, and lets the caught signals do their work.
func (s *Signals) Release() {
	signal.Stop(s.caught)
	for {
		select {
		case sig := <-s.caught:
			_ = unix.Kill(os.Getpid(), sig.(unix.Signal))
		default:
			return
		}
	}
}

// Wait waits for the child pid to end, and returns its exit code, or ends this process by the signal that ended the
// child. If a terminal stops the child this process stops too, so that a shell with job control sees it; SIGCONT for
// this process is one of the signals that the child gets.
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
