package origin

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Inherited is what a process was given by its parent and Go's runtime does not keep. The zero value
// is what a process has that was given nothing unusual.
type Inherited struct {
	Ignored uint64 // bit n-1: signal n is ignored
	Blocked uint64 // bit n-1: signal n is blocked
	Closed  uint32 // bit n: descriptor n (0 to 2) is closed
}

// Noted returns what this process was given.
func Noted() Inherited { return Inherited{state.ignored, state.blocked, state.closed} }

// Adopt makes [Exec] hand on in's signals instead of those that this process was given itself: they are its parent's,
// which could not hand them on, being a Go program too.
func Adopt(in Inherited) { state.ignored, state.blocked = in.Ignored, in.Blocked }

// Raise ends this process by a signal, whatever the runtime does with it, and leaves no core file. It
// returns only if the signal does not end processes.
func Raise(sig unix.Signal) {
	_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // a core_pattern with a pipe does not heed the limit
	disposition(int(sig), sigDefault)
	var none uint64
	unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&none)), 0, 8, 0, 0)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), sig)
}
