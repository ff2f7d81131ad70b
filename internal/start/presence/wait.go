package presence

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Wait returns when all of the Workers have ended or the time is there, whichever is first, with those
// that are alive still. It is woken by the kernel at each end. Requires Linux 5.3 (pidfd_open).
func Wait(workers []Worker, until time.Time) (left []Worker, err error) {
	var fds []unix.PollFd
	defer func() {
		for _, p := range fds {
			unix.Close(int(p.Fd))
		}
	}()
	for _, w := range workers {
		fd, err := unix.PidfdOpen(w.Owner.PID, 0)
		if err == unix.ESRCH {
			continue
		}
		if err != nil {
			return workers, fmt.Errorf("pidfd_open of process %d: %w", w.Owner.PID, err)
		}
		// Only now is it sure which process the descriptor is for.
		if now, err := w.Owner.Peer(w.Owner.PID); err != nil || now != w.Owner {
			unix.Close(fd)
			continue
		}
		left = append(left, w)
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
	}
	for len(fds) > 0 {
		rest := time.Until(until)
		if rest <= 0 {
			return left, nil
		}
		_, err := unix.Poll(fds, int((rest+time.Millisecond-1)/time.Millisecond))
		if err != nil && err != unix.EINTR {
			return left, os.NewSyscallError("poll", err)
		}
		if err == unix.EINTR {
			continue
		}
		kept := 0
		for i, p := range fds {
			if p.Revents != 0 {
				unix.Close(int(p.Fd))
				continue
			}
			fds[kept], left[kept] = p, left[i]
			kept++
		}
		fds, left = fds[:kept], left[:kept]
	}
	return nil, nil
}
