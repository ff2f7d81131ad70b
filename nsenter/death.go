package nsenter

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// DeathSignal returns the signal that the kernel sends when the parent of the calling thread ends (prctl(2),
// PR_GET_PDEATHSIG), and 0 for none. It is the thread's own: another one that becomes the program has to set it too.
func DeathSignal() unix.Signal {
	var signal int32
	// unix.Prctl would take the address as a number, which is of another place once the stack has grown.
	_, _, _ = unix.RawSyscall(unix.SYS_PRCTL, unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&signal)), 0)
	return unix.Signal(signal)
}
