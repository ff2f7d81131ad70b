package nsenter

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fewSignals is how many signals must have room in the user's queue for [syscall.AllThreadsSyscall]: one for each
// thread of a program, with some to spare.
const fewSignals = 64

// InAllThreads calls do, which may use [syscall.AllThreadsSyscall]. That runs a system call in all threads: it
// interrupts each by a real-time signal and waits until all have answered. That is for ever if the kernel queues no signal
// beyond RLIMIT_SIGPENDING (getrlimit(2)). A soft limit that is too low is raised until do returns.
// The error is do's, or wraps EAGAIN and names the limit.
func InAllThreads(do func() error) error {
	var limit unix.Rlimit
	queued, ok := queuedSignals()
	if !ok || unix.Getrlimit(unix.RLIMIT_SIGPENDING, &limit) != nil || limit.Cur >= queued+fewSignals {
		return do()
	}
	if limit.Max < queued+fewSignals {
		return fmt.Errorf("RLIMIT_SIGPENDING is %d and %d signals are queued for the user, which leaves too few for the threads of a program: %w; "+
			"raise the limit (ulimit -i, LimitSIGPENDING=)", limit.Max, queued, unix.EAGAIN)
	}
	raised := limit
	raised.Cur = raised.Max
	if err := unix.Setrlimit(unix.RLIMIT_SIGPENDING, &raised); err != nil {
		return os.NewSyscallError("setrlimit(RLIMIT_SIGPENDING)", err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_SIGPENDING, &limit) }()
	return do()
}

// queuedSignals returns how many signals are queued for the user (SigQ in /proc/PID/status, proc_pid_status(5)).
func queuedSignals() (n uint64, ok bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	return parseQueued(string(status))
}

func parseQueued(status string) (n uint64, ok bool) {
	_, rest, found := strings.Cut(status, "\nSigQ:")
	if !found {
		return 0, false
	}
	_, err := fmt.Sscanf(rest, "%d/", &n)
	return n, err == nil
}
