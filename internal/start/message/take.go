package message

import (
	"sync/atomic"
	"time"
	_ "unsafe" // for go:linkname

	"golang.org/x/sys/unix"
)

// left is the child that may take the message or become the Worker, 0 if there is none.
var left int32

// Leave leaves the message to a child, which does not outlive this process. If Go's runtime must end this process, the
// child is ended first, and what it left of the message is taken.
func Leave(child int) { atomic.StoreInt32(&left, int32(child)) }

// Return makes the message this process's again: the child has ended, and was not the Worker.
func Return() { atomic.StoreInt32(&left, 0) }

// Take reads a job's message and throws it away, if a Listener has started a Worker with args. timeout is how long the
// Listener tries to send it. Take returns when the message was read, when the Listener has gone, or policy.Spare before
// that timeout, counted from the start of this process. If these are not a Listener's args, or do not name the end of a
// pipe that can be read from, it returns at once: they may be anybody's. The first may be any path: another tool can have
// moved the entry.
func Take(args []string, timeout time.Duration) {
	if len(args) != argCount || atomic.LoadInt32(&left) != 0 {
		return
	}
	if fd := source(args[1], args[2]); fd >= 0 {
		drain(fd, deadline(int64(timeout)))
	}
}

func drain(fd int, until int64) {
	for p := (progress{missing: head}); wait(fd, until) && p.read(fd); {
	}
}

// wait waits until the pipe has something to read or has ended. It is false if neither came until then, a time as now
// has it.
func wait(fd int, until int64) bool {
	for {
		rest := time.Duration(until - now())
		if rest <= 0 {
			return false
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		timeout := unix.NsecToTimespec(int64(rest))
		n, err := unix.Ppoll(fds, &timeout, nil)
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return false
		}
		if n > 0 {
			return fds[0].Revents&(unix.POLLIN|unix.POLLHUP) != 0
		}
	}
}

// farewell is what [github.com/worker-wrap/worker-wrap/nsenter/origin] calls before Go's runtime ends this process. Its
// value is in the program's data, so it is there from the first instruction on.
//
//go:linkname farewell github.com/worker-wrap/worker-wrap/nsenter/origin.farewell
var farewell func(argc uintptr, argv unsafePointer) = lastTake
