package early

func entry()

// What the assembly calls, by its old names for functions of Go.
var (
	_ = entry
	_ = attempt
	_ = between
	_ = keep
)

// spawn is clone(2) with a stack for the new process, 0 for the caller's own, and the address that CLONE_CHILD_CLEARTID
// means. The new process calls [between] with r, or [keep] if keeper is not 0. It returns what the kernel does: a PID, or
// a negated errno.
func spawn(flags, stack, gone uintptr, r *room, keeper uintptr) uintptr
