package pages

import (
	_ "unsafe" // for linkname

	"golang.org/x/sys/unix"

	_ "github.com/worker-wrap/worker-wrap/internal/start/first" // calls heapBegun
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// slack is how much later than it wants to Go's monitor thread may be woken, in nanoseconds.
const slack = 10e6

// page is the size of one less 1, once Ahead knows it.
var page uintptr

// Ahead spares the ordinary start, which follows, what costs it most and is of no use to it: page faults, and a thread
// that wakes each 20 µs. The program's variables begin and end at the addresses given. The room between two others is left
// out: most of it is for stacks, which a keeper would have copies of.
//
// A start touches the program at more than a hundred places; three calls map all of it, which costs as little as a few
// faults do (madvise(2); ignored before Linux 5.14). The monitor thread is a copy of this one with its timer slack
// (prctl(2)), which package origin puts back for the Worker. A sweeper or a keeper may keep it: it hurries for nobody.
//
//go:norace
func Ahead(p *raw.Process, variables, room [2]uintptr) {
	page = p.Page - 1
	image, changed := p.Image&^page, variables[0]&^page
	advise(image, changed, unix.MADV_POPULATE_READ)
	advise(changed, room[0]&^page, unix.MADV_POPULATE_WRITE)
	advise((room[1]+page)&^page, (variables[1]+page)&^page, unix.MADV_POPULATE_WRITE)
	if own, ok := raw.Call(unix.SYS_PRCTL, unix.PR_GET_TIMERSLACK, 0, 0, 0, 0, 0); ok {
		origin.Slack = own
		raw.Call(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, max(own, slack), 0, 0, 0, 0)
	}
}

// heapUsed is how much of its heap a start uses, or somewhat more, in bytes. Go's heap grows by heapGrowth.
const heapUsed, heapGrowth = 768 << 10, 4 << 20

// heapBegun has package first map the heap of a start that is not early any more, as Ahead does the program.
//
//go:linkname heapBegun github.com/worker-wrap/worker-wrap/internal/start/first.begun
var heapBegun func(heap uintptr) = populateHeap

func populateHeap(heap uintptr) {
	if page != 0 {
		end := min(heap+heapUsed, heap|(heapGrowth-1)+1)
		advise(heap&^page, end, unix.MADV_POPULATE_WRITE)
	}
}
