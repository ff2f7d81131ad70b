package origin

import (
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Exec replaces this process by the program at path, with what it inherited itself: the ignored
// signals, the signal mask, closed standard descriptors and RLIMIT_NOFILE are put back first, and
// every other attribute passes through execve(2) untouched. It must run on the thread whose
// namespaces and other per-thread attributes the program is to have (runtime.LockOSThread).
//
// It returns only on failure, with a bare [syscall.Errno], and after that the process should do no
// more than report and exit: its signals are no longer the Go runtime's.
//
// If [Captured] is false only what the runtime keeps is restored: ignored SIGHUP and SIGINT, and
// the mask but for those signals that the runtime unblocks.
func Exec(path string, argv, env []string) error {
	for !atomic.CompareAndSwapUint32(&fate, 0, becoming) {
		// Another thread says its last words, and then this process ends.
		unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
	defer atomic.StoreUint32(&fate, 0)
	if quiet {
		disposition(int(unix.SIGPIPE), sigDefault)
	}
	if Captured() {
		ownSlack() // the monitor thread may have made this one
		for fd := range 3 {
			if state.closed&(1<<fd) != 0 {
				unix.CloseOnExec(fd) // the runtime's /dev/null; the program is to find it closed
			}
		}
		for sig := 1; sig <= 64; sig++ {
			if state.ignored&(1<<(sig-1)) != 0 {
				disposition(sig, sigIgnore)
			}
		}
		unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&state.blocked)), 0, 8, 0, 0)
		sendPending()
	}
	return syscall.Exec(path, argv, env) // puts RLIMIT_NOFILE back, and waits for threads being made
}

// sendPending makes the signals pending again that entry took, now that this thread blocks them. It sends
// them to the thread: of those sent to the process, one of the runtime's other threads, which do not block
// them, would take its share. To a program with one thread, as every one is at first, that is the same:
// sigpending(2) has both. A process may send itself a signal with any siginfo (rt_tgsigqueueinfo(2)).
func sendPending() {
	pid, tid := uintptr(unix.Getpid()), uintptr(unix.Gettid())
	for i := range state.taken {
		info := &state.pending[i]
		sig := uintptr(*(*int32)(unsafe.Pointer(&info[0])))
		unix.RawSyscall6(unix.SYS_RT_TGSIGQUEUEINFO, pid, tid, sig, uintptr(unsafe.Pointer(info)), 0, 0)
	}
}

// disposition sets a signal's action behind the runtime's back. os/signal cannot: it has no way to
// ignore SIGPIPE, or to stop doing so, with effect on a program that takes this one's place.
func disposition(sig int, handler uintptr) {
	var action [4]uint64 // large enough for struct kernel_sigaction on every architecture
	*(*uintptr)(unsafe.Pointer(&action)) = handler
	unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

const (
	sigDefault = 0 // SIG_DFL
	sigIgnore  = 1 // SIG_IGN
)

// quiet is true once Quiet was called.
var quiet bool

// Quiet makes a write to a closed pipe an error instead of this program's death by SIGPIPE, so that it can choose its
// exit code. Exec undoes it.
func Quiet() {
	quiet = true
	signal.Ignore(os.Signal(unix.SIGPIPE))
}
