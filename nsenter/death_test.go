package nsenter_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// TestDeathSignal: the signal is told however deep the stack is, and thus even if the stack has to grow meanwhile.
func TestDeathSignal(t *testing.T) {
	for depth := range 300 {
		var got unix.Signal
		onThread(func() {
			if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGUSR1), 0, 0, 0); err != nil {
				t.Error(err)
			}
			got = below(depth, nsenter.DeathSignal)
		})
		if got != unix.SIGUSR1 {
			t.Fatalf("%v under %d calls", got, depth)
		}
	}
}

// below calls f under n calls that each take some stack.
//
//go:noinline
func below(n int, f func() unix.Signal) unix.Signal {
	if n == 0 {
		return f()
	}
	return below(n-1, f)
}
