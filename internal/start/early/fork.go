package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// stackSize is the room, in bytes, that spawned processes have; what they do not touch costs nothing.
const stackSize = 64 << 10

// fork makes the keeper, which is nobody's child but the reaper's: the Worker finds none that it has not started. The
// process in between borrows this one's memory, and stack if that is 0, until it ends. It has no exit signal, which the
// Worker's parent might have ignored; only __WALL waits for such a child (clone(2)).
//
// To copy memory costs more than all else. A keeper that shares therefore borrows it as well, and gets it when this
// process becomes the Worker. This thread must be the one that does, or live as long as the process: the kernel clears
// left when it leaves the memory behind, and wakes who waits for that (set_tid_address(2)).
//
//go:norace
//go:nocheckptr
func (r *room) fork(stack uintptr) bool {
	const flags = unix.CLONE_VM | unix.CLONE_VFORK
	r.runs, r.last = runs[1], false
	if r.shares {
		r.runs = runs[0]
		r.left = borrowed
		raw.Call(unix.SYS_SET_TID_ADDRESS, uintptr(unsafe.Pointer(&r.left)), 0, 0, 0, 0, 0)
	}
	pid := spawn(flags, stack, 0, r.runs)
	if int(pid) < 0 {
		return false
	}
	status, ok := raw.WaitFor(pid)
	return ok && status == 0
}

// run is what a new process does: the one in between forks the keeper and ends. Its exit status is the errno if it cannot.
//
//go:norace
func (r *room) run() {
	if r.last {
		r.keep()
	}
	r.last = true
	// The keeper has the Worker's words until it can hide them. By this name, which it inherits, it is known from its birth.
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_NAME, raw.Ptr(unsafe.StringData(runner.KeeperName+"\x00")), 0, 0, 0, 0)
	flags, stack, gone := uintptr(unix.SIGCHLD), uintptr(0), uintptr(0)
	if r.shares {
		r.there = 1
		flags, stack, gone = flags|unix.CLONE_VM|unix.CLONE_CHILD_CLEARTID, r.top()-2048, uintptr(unsafe.Pointer(&r.there))
	}
	r.keeper = spawn(flags, stack, gone, r.runs)
	if int(r.keeper) < 0 {
		r.there = 0
		raw.Exit(-r.keeper)
	}
	raw.Exit(0)
}

// top is where a stack begins; it has room for two, one below the other.
//
//go:norace
func (r *room) top() uintptr { return (uintptr(unsafe.Pointer(&r.stack)) + stackSize - 64) &^ 15 }

// What left says.
const (
	own      = iota // the memory is the keeper's
	borrowed        // the start is still in it
	recalled        // the start could not become the Worker
)

const futexWait, futexWake = 0, 1 // include/uapi/linux/futex.h

// part waits until the memory is the keeper's own.
//
//go:norace
func (r *room) part() {
	for r.left == borrowed {
		if errno, ok := raw.Call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&r.left)), futexWait, borrowed, 0, 0, 0); !ok && errno != uintptr(unix.EAGAIN) {
			raw.SleepSecond()
		}
	}
	if r.left == recalled {
		raw.Exit(0)
	}
}

// recall ends the keeper, if there is one, of a start that goes the longer way now, and returns when it is gone.
//
//go:norace
func (r *room) recall() {
	if r.there == 0 {
		return
	}
	r.left = recalled
	raw.Call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&r.left)), futexWake, 1, 0, 0, 0)
	for r.there != 0 {
		raw.Call(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&r.there)), futexWait, 1, 0, 0, 0)
	}
	raw.Call(unix.SYS_SET_TID_ADDRESS, 0, 0, 0, 0, 0, 0)
}
