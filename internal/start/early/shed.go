package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// variables are the addresses at which the program's variables begin and end. The linker knows them.
var variables [2]uintptr

// shed gives back what a keeper that came the longer way is a copy of and never looks at: the heap, the stacks and the
// variables of Go's runtime. What is left is this package's room, and the end of the kernel's stack, which has the words
// of the command line.
//
//go:norace
//go:nocheckptr
func (r *room) shed() {
	if r.does == lone || r.p.Argv == 0 { // nothing of that was ever there, or a program that was linked without entry
		return
	}
	page := r.p.Page - 1
	room := uintptr(unsafe.Pointer(&rooms))
	up, down := (variables[1]+page)&^page, r.p.Argv&^page
	if _, ok := raw.Call(unix.SYS_MUNMAP, up, down-up, 0, 0, 0, 0); !ok { // something in between is sealed, see mseal(2)
		forget(up, down)
	}
	forget((variables[0]+page)&^page, room&^page)
	forget((room+unsafe.Sizeof(rooms)+page)&^page, up)
}

// forget has memory be again as it was when the program began.
//
//go:norace
func forget(from, to uintptr) {
	if from < to {
		raw.Call(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED, 0, 0, 0)
	}
}
