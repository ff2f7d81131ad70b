package early

import (
	_ "unsafe" // for linkname

	"golang.org/x/sys/unix"

	_ "github.com/worker-wrap/worker-wrap/internal/start/first" // calls heapBegun
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// slack is how much later than it wants to Go's monitor thread may be woken, in nanoseconds.
const slack = 10e6

// ahead spares the ordinary start, which follows, what costs it most and is of no use to it: page faults, and a thread
// that wakes each 20 µs.
//
// A start touches the program at more than a hundred places; two calls map all of it, which costs as little as a few
// faults do (madvise(2); ignored before Linux 5.14). The monitor thread is a copy of this one with its timer slack
// (prctl(2)), which package origin puts back.
//
//go:norace
func (r *room) ahead() {
	page := r.p.Page - 1
	image, changed, end := r.p.Image&^page, variables[0]&^page, (variables[1]+page)&^page
	raw.Call(unix.SYS_MADVISE, image, changed-image, unix.MADV_POPULATE_READ, 0, 0, 0)
	raw.Call(unix.SYS_MADVISE, changed, end-changed, unix.MADV_POPULATE_WRITE, 0, 0, 0)
	if own, ok := raw.Call(unix.SYS_PRCTL, unix.PR_GET_TIMERSLACK, 0, 0, 0, 0, 0); ok {
		origin.Slack = own
		raw.Call(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, max(own, slack), 0, 0, 0, 0)
	}
}

// heapUsed is how much of its heap a start uses, or somewhat more, in bytes. Go's heap grows by heapGrowth.
const heapUsed, heapGrowth = 768 << 10, 4 << 20

// heapBegun has package first map the heap of a start that is not early any more, as ahead does the program.
//
//go:linkname heapBegun github.com/worker-wrap/worker-wrap/internal/start/first.begun
var heapBegun func(heap uintptr) = populateHeap

func populateHeap(heap uintptr) {
	if origin.Slack != 0 {
		end := min(heap+heapUsed, heap|(heapGrowth-1)+1)
		page := rooms[0].p.Page - 1
		raw.Call(unix.SYS_MADVISE, heap&^page, end-heap&^page, unix.MADV_POPULATE_WRITE, 0, 0, 0)
	}
}
