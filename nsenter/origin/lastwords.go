package origin

import (
	"runtime/debug"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// words collects the first line of what the runtime says. Whoever prints holds the runtime's print lock.
var words struct {
	aloud bool // since Traces
	begun bool // something was said
	n     int
	line  [240]byte
}

// farewell is called before the last words, with the arguments of this process as its stack has them, and nothing said
// yet. It is nil, unless another package defines it by its link name, with a value that needs no code to be run: then it
// is there even if the runtime ends the process before main. It runs as lastWords does, and under the same terms. If it is
// called, no program takes this one's place any more.
//
//go:linkname farewell
var farewell func(argc uintptr, argv unsafe.Pointer)

// fate is what becomes of this process: nothing yet, or one of these.
var fate uint32

const (
	becoming = 1 // Exec is at work
	ending   = 2 // farewell is
)

// bidFarewell calls farewell, once, if no other program may take this one's place meanwhile.
//
//go:nosplit
//go:norace
func bidFarewell() {
	if farewell == nil || state.entered == 0 || !atomic.CompareAndSwapUint32(&fate, 0, ending) {
		return
	}
	if state.limited != 0 {
		// ppoll(2) takes no more descriptors than the soft limit, which entry has made none.
		unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE, uintptr(unsafe.Pointer(&state.files)), 0, 0, 0)
	}
	sp := state.sp
	p := *(*unsafe.Pointer)(unsafe.Pointer(&sp)) // see strings
	argc := *(*uintptr)(p)
	farewell(argc, unsafe.Add(p, unsafe.Sizeof(argc)))
}

// lastWords is called with what the runtime has to say on its own account, which is why it must give up: the kernel
// refused it a thread or memory, or there is a mistake in this program. Instead of several lines, a trace and exit code
// 2, the process ends with one line and exit code 125. With that a program ends that is to start another and can't
// (env(1), nohup(1)).
//
// It may run on any stack and without a g, so it neither grows the stack nor allocates.
//
//go:nosplit
//go:norace
func lastWords(fd uintptr, p unsafe.Pointer, n int32) int32 {
	if fd != 2 || state.entered == 0 {
		return emit(fd, p, uintptr(n))
	}
	if words.aloud {
		if !words.begun {
			words.begun = true
			if n < 3 || unsafe.String((*byte)(p), 3) != signals {
				bidFarewell()
			}
		}
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

// Mistake follows the message of a panic.
const Mistake = "; this is a mistake in worker-wrap: please report it, with what WORKER_WRAP_LOG=debug shows"

const (
	program = "worker-wrap: "
	refusal = "; the kernel refused a thread or memory: raise the limits on processes (ulimit -u, TasksMax=) and memory (ulimit -v, MemoryMax=)\n"
	mistake = Mistake + "\n"
	sent    = ", sent to worker-wrap\n"
	signals = "SIG" // what the name of a signal begins with
)

// end says why, and ends the process.
//
//go:nosplit
//go:norace
func end() {
	why := mistake
	switch {
	case said(signals) == 0: // SIGQUIT and the like, sent by someone who wants an end
		why = sent
	case said("runtime: ") == 0, said("memory") > 0:
		why = refusal
	}
	if said(signals) != 0 {
		bidFarewell()
	}
	// By one call: two processes of a start that give up at once each get a line of their own.
	line := [...]unix.Iovec{{Base: unsafe.StringData(program)}, {Base: &words.line[0]}, {Base: unsafe.StringData(why)}}
	line[0].SetLen(len(program))
	line[1].SetLen(words.n)
	line[2].SetLen(len(why))
	unix.RawSyscall(unix.SYS_WRITEV, 2, uintptr(unsafe.Pointer(&line)), uintptr(len(line)))
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

// emit is write(2). It returns what the runtime expects: a negative errno if it fails.
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

// Traced reports whether [Traces] was called.
func Traced() bool { return words.aloud }
