package origin

import (
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"
)

// words collects the first line of what the runtime says. Whoever prints holds the runtime's print lock.
var words struct {
	aloud bool // since Traces
	n     int
	line  [240]byte
}

// lastWords is called with what the runtime has to say on its own account, which is why it must give up: the
// kernel refused it a thread or memory, or there is a mistake in this program. Instead of several lines, a
// trace and exit code 2, the process ends with one line and exit code 125, that of a program which is to
// start another and can't (env(1), nohup(1)).
//
// It may run on any stack and without a g, so it neither grows the stack nor allocates.
//
//go:nosplit
//go:norace
func lastWords(fd uintptr, p unsafe.Pointer, n int32) int32 {
	if fd != 2 || state.entered == 0 || words.aloud {
		return emit(fd, p, uintptr(n))
	}
	for i := range int(n) {
		c := *(*byte)(unsafe.Add(p, i))
		if c == '\n' && words.n > 0 {
			end()
		}
		if words.n < len(words.line) {
			words.line[words.n] = c
			words.n++
		}
	}
	return n
}

const (
	program = "worker-wrap: "
	refusal = "; the kernel refused a thread or memory: raise the limits on processes (ulimit -u, TasksMax=) and memory (ulimit -v, MemoryMax=)\n"
	mistake = "; this is a mistake in worker-wrap: please report it, with what WORKER_WRAP_LOG=debug shows\n"
	sent    = ", sent to worker-wrap\n"
)

// end says why, and ends the process.
//
//go:nosplit
//go:norace
func end() {
	why := mistake
	switch {
	case said("SIG") == 0: // SIGQUIT and the like, sent by someone
		why = sent
	case said("runtime: ") == 0, said("memory") > 0:
		why = refusal
	}
	emit(2, unsafe.Pointer(unsafe.StringData(program)), uintptr(len(program)))
	emit(2, unsafe.Pointer(&words.line), uintptr(words.n))
	emit(2, unsafe.Pointer(unsafe.StringData(why)), uintptr(len(why)))
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 125, 0, 0)
	}
}

// said returns where a text is in the line, or -1.
//
//go:nosplit
//go:norace
func said(text string) int {
	for i := 0; i+len(text) <= words.n; i++ {
		if unsafe.String(&words.line[i], len(text)) == text {
			return i
		}
	}
	return -1
}

// emit is write(2). It returns what the runtime expects: a negative errno where it fails.
//
//go:nosplit
//go:norace
func emit(fd uintptr, p unsafe.Pointer, n uintptr) int32 {
	r, _, errno := unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(p), n)
	if errno != 0 {
		return -int32(errno)
	}
	return int32(r)
}

// Traces lets the runtime say all that it has to say where it must give up, with the goroutine's stack: for
// finding a mistake.
func Traces() {
	words.aloud = true
	if Captured() {
		debug.SetTraceback("single")
	}
}
