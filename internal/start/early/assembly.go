package early

func entry()

// spawn is clone(2) with a stack for the new process, 0 for the caller's own, and the address that CLONE_CHILD_CLEARTID
// means. The new process calls run, one of [runs]. It returns what the kernel does: a PID, or a negated errno.
func spawn(flags, stack, gone, run uintptr) uintptr

// runs are what a new process does, for each of the rooms. They have no argument: the compiler's wrapper of a function
// with one calls the race detector, which knows no such thread.
var runs [len(rooms)]uintptr

//go:norace
func runOne() { rooms[0].run() }

//go:norace
func runOther() { rooms[1].run() }

// variables are the addresses at which the program's variables begin and end. The linker knows them.
var variables [2]uintptr

// What the assembly calls, by its old names for functions of Go.
var _, _, _, _ = entry, attempt, runOne, runOther
