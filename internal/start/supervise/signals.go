package supervise

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

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

// Release stops catching, before there was a child, and lets what was caught do what it does.
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
