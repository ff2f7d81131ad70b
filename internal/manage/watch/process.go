package watch

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// WhileAlive returns a context that ends when the process pid does, at once if there is none. The function it returns
// must be called. Requires Linux 5.3 (pidfd_open(2)).
func WhileAlive(ctx context.Context, pid int) (context.Context, context.CancelFunc, error) {
	ctx, cancel := context.WithCancel(ctx)
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		cancel()
		return ctx, cancel, nil
	}
	if err != nil {
		return ctx, cancel, os.NewSyscallError("pidfd_open", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer unix.Close(fd)
		defer cancel()
		for ctx.Err() == nil {
			// Woken now and then, to see whether it is still wanted.
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 500)
			if n > 0 || err != nil && !errors.Is(err, unix.EINTR) {
				return
			}
		}
	}()
	return ctx, func() { cancel(); <-done }, nil
}
