package early

func entry()

// What the assembly calls, by its old names for functions of Go.
var (
	_ = entry
	_ = attempt
	_ = between
)

// spawn is clone(2) with a stack for the new process, which calls [between]. It returns what the kernel does: a PID,
// or a negated errno.
func spawn(flags, stack uintptr) uintptr
