package origin

import (
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// noted is filled by entry, before the runtime starts. Offsets are read from go_asm.h by the assembly.
//
//lint:ignore U1000 entry uses all fields
type noted struct {
	sp      uintptr   // initial stack pointer: argc, argv…, 0, envp…, 0 (System V ABI; fs/binfmt_elf.c)
	entered uint32    // 1 once entry ran
	closed  uint32    // bit n: descriptor n (0 to 2) was not open
	limited uint32    // 1 if entry lowered the soft RLIMIT_NOFILE to none
	taken   uint32    // how many of pending are filled
	ignored uint64    // bit n-1: signal n was SIG_IGN
	blocked uint64    // the signal mask
	files   [2]uint64 // RLIMIT_NOFILE, soft and hard (struct rlimit64)
	none    [2]uint64 // the same with soft 0
	action  [8]uint64 // room for one struct sigaction of the kernel
	// pending are signals that were waiting, blocked, and that Exec sends again (siginfo_t, sigaction(2)).
	pending [infos][infoSize]byte
}

const (
	infoSize = 128 // sizeof(siginfo_t)
	infos    = 8   // what is pending beyond that stays so, as far as the runtime leaves it blocked
)

var state noted

// Slack is the timer slack in nanoseconds that this process was given (prctl(2), PR_SET_TIMERSLACK). It is 0 unless code
// before [entry] has changed that, so that the runtime's monitor thread gets another.
var Slack uintptr

// The whole environment that the runtime is shown. Nobody's GODEBUG, GOTRACEBACK or GOGC is to change what it does or
// prints: the process is to go unnoticed and may have a capability.
var (
	//lint:ignore U1000 entry uses it. A shim has no use for more than one thread of Go code, and each CPU costs a start some time.
	oneCPU = [...]byte{'G', 'O', 'M', 'A', 'X', 'P', 'R', 'O', 'C', 'S', '=', '1', 0}
	//lint:ignore U1000 entry uses it. Where the runtime must give up, as when it cannot make a thread, it is to say why in few lines.
	noTrace = [...]byte{'G', 'O', 'T', 'R', 'A', 'C', 'E', 'B', 'A', 'C', 'K', '=', 'n', 'o', 'n', 'e', 0}
	//lint:ignore U1000 entry uses it. The runtime's own SIGURG must not be waiting for the program where SIGURG is blocked.
	noPreempt = [...]byte{
		'G', 'O', 'D', 'E', 'B', 'U', 'G', '=',
		'a', 's', 'y', 'n', 'c', 'p', 'r', 'e', 'e', 'm', 'p', 't', 'o', 'f', 'f', '=', '1', 0,
	}
)

// init keeps the main goroutine on the main thread: a thread's own state, as an order to be killed with the parent
// (prctl(2), PR_SET_PDEATHSIG), is to reach the program that takes this one's place.
func init() {
	ownSlack() // before LockOSThread makes the thread that all later ones are copies of
	runtime.LockOSThread()
	openFiles()
}

// ownSlack gives this thread the timer slack that the process was given.
func ownSlack() {
	if Slack != 0 {
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, Slack, 0, 0, 0)
	}
}

// ShowEnvironment makes the environment that this process was given the one that package os shows, but
// for GODEBUG, on which the runtime would act. The first of several strings for a name counts, as with
// getenv(3). Until it is called, package os has what entry shows the runtime; a start that only hands
// [Environ] on does without.
func ShowEnvironment() {
	if !Captured() {
		return
	}
	syscall.Clearenv()
	for _, s := range Environ() {
		name, value, ok := cut(s)
		if !ok || name == "GODEBUG" {
			continue
		}
		if _, have := syscall.Getenv(name); !have {
			_ = syscall.Setenv(name, value) // fails for names that no one could look up
		}
	}
}

// cut parts a string at its first '='; a leading one belongs to the name, as the syscall package has it.
func cut(s string) (name, value string, ok bool) {
	for i := 1; i < len(s); i++ {
		if s[i] == '=' {
			return s[:i], s[i+1:], true
		}
	}
	return "", "", false
}

// AllCPUs lets Go code run on as many CPUs as the process may use. Without it, it runs on one.
func AllCPUs() {
	if Captured() {
		runtime.GOMAXPROCS(runtime.NumCPU())
	}
}

// openFiles lets the program open files again. From Go 1.25 on the runtime reads /proc/self/mountinfo as it
// starts, to find its cgroup (runtime/cgroup_linux.go; no setting stops it), and so a start would cost
// the more the more mounts a machine has. entry therefore lowers the soft RLIMIT_NOFILE until here,
// and the runtime takes the refusal for a machine without cgroups.
//
// syscall.Setrlimit also makes the syscall package forget the limit it has seen, so that Exec hands on
// this one.
func openFiles() {
	if state.limited == 0 {
		return
	}
	limit := syscall.Rlimit{Cur: state.files[0], Max: state.files[1]}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		panic("RLIMIT_NOFILE cannot be put back: " + err.Error())
	}
}

// Captured reports whether the inherited state was noted before the runtime started, which needs the
// linker flag named in the package comment.
func Captured() bool { return state.entered == 1 }

// Args returns the argument strings as execve(2) was given them.
func Args() []string {
	if !Captured() {
		return os.Args
	}
	args, _ := strings(state.sp)
	return args
}

// Environ returns the environment strings as execve(2) was given them: in their order, with
// duplicates and with strings that have no '='.
func Environ() []string {
	if !Captured() {
		return os.Environ()
	}
	_, env := strings(state.sp)
	return env
}

// strings reads the two lists of C strings at the initial stack pointer. The strings are not copied:
// they live on the main thread's stack as long as the process does.
func strings(sp uintptr) (args, env []string) {
	// The address comes from the kernel and is no Go pointer, so this indirection is what vet's
	// unsafeptr check asks for: the value is loaded as a pointer, not converted from an integer.
	p := *(*unsafe.Pointer)(unsafe.Pointer(&sp))
	argc := *(*uintptr)(p)
	args = make([]string, 0, argc)
	p = unsafe.Add(p, unsafe.Sizeof(argc))
	args, p = list(args, p)
	env, _ = list(nil, p)
	return args, env
}

// list appends the strings of the null-terminated vector at p, and returns what follows the null.
func list(out []string, p unsafe.Pointer) ([]string, unsafe.Pointer) {
	for {
		s := *(**byte)(p)
		p = unsafe.Add(p, unsafe.Sizeof(s))
		if s == nil {
			return out, p
		}
		n := 0
		for *(*byte)(unsafe.Add(unsafe.Pointer(s), n)) != 0 {
			n++
		}
		out = append(out, unsafe.String(s, n))
	}
}
