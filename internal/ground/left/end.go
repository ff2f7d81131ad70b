package left

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Grace is how long a process has after SIGTERM, as docker stop gives it.
	Grace = 10 * time.Second
	// killed is how long one that was sent SIGKILL may take to be gone.
	killed = 5 * time.Second
	// rounds bounds how often is looked for what was started meanwhile.
	rounds = 8
)

// Ended is the fate of the processes that were to be ended.
type Ended struct {
	Gone []Process
	Left []Process // those that live still; their Why says why
}

// End ends the processes that find returns, but for those that have a Why: by SIGTERM, and what lives after grace by
// SIGKILL. It looks again for what they have started meanwhile, which has no grace.
func End(find func() ([]Process, error), grace time.Duration) (out Ended, err error) {
	for round := range rounds {
		list, err := find()
		if err != nil {
			return out, err
		}
		var todo []Process
		out.Left = nil
		for _, p := range list {
			if p.Why != "" {
				out.Left = append(out.Left, p)
			} else {
				todo = append(todo, p)
			}
		}
		if len(todo) == 0 {
			return out, nil
		}
		if round > 0 {
			grace = 0
		}
		gone, left := end(todo, grace)
		out.Gone, out.Left = append(out.Gone, gone...), append(out.Left, left...)
		if len(gone) == 0 {
			return out, nil // nothing more can be done
		}
	}
	return out, nil
}

// end ends processes, and returns those that are gone, and those that are not.
func end(list []Process, grace time.Duration) (gone, left []Process) {
	var open []*ending
	defer func() {
		for _, e := range open {
			unix.Close(e.pidfd)
		}
	}()
	for _, p := range list {
		pidfd, err := p.open("/proc")
		if err == nil {
			open = append(open, &ending{p, pidfd})
			if grace > 0 {
				err = p.signal(pidfd, unix.SIGTERM)
			}
		}
		switch err {
		case nil:
		case unix.EPERM:
			p.Why = "it is another user's; sudo worker-wrap gc --kill ends it"
			left = append(left, p)
		case unix.ESRCH:
			gone = append(gone, p)
		default:
			p.Why = err.Error()
			left = append(left, p)
		}
	}
	alive := wait(open, grace)
	for _, e := range alive {
		_ = e.signal(e.pidfd, unix.SIGKILL)
	}
	alive = wait(alive, killed)
	for _, e := range open {
		if !slices.Contains(alive, e) && !listed(left, e.PID) && !listed(gone, e.PID) {
			gone = append(gone, e.Process)
		}
	}
	for _, e := range alive {
		if !listed(left, e.PID) {
			e.Why = "it lives on after SIGKILL: the kernel waits for something on its behalf"
			left = append(left, e.Process)
		}
	}
	return gone, left
}

// ending is a process that is being ended.
type ending struct {
	Process
	pidfd int
}

func listed(list []Process, pid int) bool {
	return slices.ContainsFunc(list, func(p Process) bool { return p.PID == pid })
}

// wait returns those that live after the time given, or when none does.
func wait(list []*ending, patience time.Duration) []*ending {
	until := time.Now().Add(patience)
	for len(list) > 0 {
		alive := waitOne(list, time.Until(until))
		if len(alive) == len(list) {
			return list
		}
		list = alive
	}
	return nil
}

// waitOne returns those that live when one of them has ended, or the time is over.
func waitOne(list []*ending, patience time.Duration) (alive []*ending) {
	until := time.Now().Add(patience)
	fds := make([]unix.PollFd, len(list))
	for i, e := range list {
		fds[i] = unix.PollFd{Fd: int32(e.pidfd), Events: unix.POLLIN}
	}
	for {
		rest := max(0, time.Until(until))
		n, err := unix.Poll(fds, int((rest+time.Millisecond-1)/time.Millisecond))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil, n == 0:
			return list
		}
		for i, e := range list {
			if fds[i].Revents == 0 {
				alive = append(alive, e)
			}
		}
		return alive
	}
}
