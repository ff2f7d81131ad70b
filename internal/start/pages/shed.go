package pages

import (
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// Shed gives back what a keeper that came the longer way is a copy of and never looks at: the heap, the stacks, and the
// program's variables, which begin and end at the addresses given, but for the room between two others. Left is the end
// of the kernel's stack too, which has the words of the command line.
//
//go:norace
//go:nocheckptr
func Shed(p *raw.Process, variables, room [2]uintptr) {
	if p.Argv == 0 { // a program that was linked without entry
		return
	}
	const again = unix.MADV_DONTNEED // as it was when the program began
	page := p.Page - 1
	up, down := (variables[1]+page)&^page, p.Argv&^page
	if _, ok := raw.Call(unix.SYS_MUNMAP, up, down-up, 0, 0, 0, 0); !ok { // something in between is sealed, see mseal(2)
		advise(up, down, again)
	}
	advise((variables[0]+page)&^page, room[0]&^page, again)
	advise((room[1]+page)&^page, up, again)
}

// advise is madvise(2), unless there is nothing between the two.
//
//go:norace
func advise(from, to, advice uintptr) {
	if from < to {
		raw.Call(unix.SYS_MADVISE, from, to-from, advice, 0, 0, 0)
	}
}
