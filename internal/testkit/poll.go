package testkit

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Polled reports whether one of the events of poll(2) is there, within some milliseconds. That call ends with EINTR at
// each signal, also at those by which Go's runtime has its threads make way.
func Polled(t testing.TB, fd int, events int16, milliseconds int) bool {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, milliseconds)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			t.Fatalf("poll: %v", err)
		}
		return n > 0
	}
}
