package detach

import (
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Idle makes the calling process wait for everyone else: the lowest priority on a CPU (setpriority(2)),
// and the disk only when nobody wants it (ioprio_set(2), IOPRIO_CLASS_IDLE). It must be called before
// other threads matter: those made later inherit it. What the kernel refuses is left as it is, as is all of it if a
// seccomp filter ends whoever asks: systemd has both calls in its group @resources.
func Idle() {
	const (
		ioprioWhoProcess = 1       // include/uapi/linux/ioprio.h
		ioprioIdle       = 3 << 13 // IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
	)
	calls := []nsenter.Call{
		{Number: unix.SYS_SETPRIORITY, Args: [5]uintptr{unix.PRIO_PROCESS, 0, 19}},
		{Number: unix.SYS_IOPRIO_SET, Args: [5]uintptr{ioprioWhoProcess, 0, ioprioIdle}},
	}
	if nsenter.Kills(calls...) {
		return
	}
	for _, c := range calls {
		_, _, _ = unix.Syscall(c.Number, c.Args[0], c.Args[1], c.Args[2])
	}
}
