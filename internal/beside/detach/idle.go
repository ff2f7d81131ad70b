package detach

import "golang.org/x/sys/unix"

// Idle makes the calling process wait for everyone else: the lowest priority on a CPU (setpriority(2)),
// and the disk only when nobody wants it (ioprio_set(2), IOPRIO_CLASS_IDLE). It must be called before
// other threads matter: those made later inherit it. What the kernel refuses is left as it is.
func Idle() {
	const (
		ioprioWhoProcess = 1       // include/uapi/linux/ioprio.h
		ioprioIdle       = 3 << 13 // IOPRIO_PRIO_VALUE(IOPRIO_CLASS_IDLE, 0)
	)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, ioprioWhoProcess, 0, ioprioIdle)
}
