package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/pages"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// take makes this Worker the one that is in the plain _temp: it takes the locks on the work folder and on the root,
// notes itself as their owner, and leaves them to a keeper. ok is false if another is, or anything fails: then nothing
// is held.
//
// The locks end shared, since others who are in the plain _temp by their user's wish have a keeper with shared ones too.
// One is turned into that while another is still exclusive (see package flock): for runners with one work folder that of
// _temp, which nobody keeps.
//
//go:norace
func (r *room) take(work, root uintptr) (ok bool) {
	if !r.me() || !r.lock(work, root) {
		return false
	}
	temp, there := raw.Open(work, unsafe.StringData(tempName), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if !there && temp != uintptr(unix.ENOENT) {
		return false
	}
	if there {
		_, ok = raw.Flock(temp, exclusive)
	}
	if ok = (ok || !there) && r.record(work, root); ok {
		if _, ok = flockBoth(work, root, unix.LOCK_SH|unix.LOCK_NB); ok {
			ok = r.leave(work, root)
		}
		if !ok {
			r.unrecord(work, root)
		}
	}
	if there {
		raw.CloseFD(temp)
	}
	return ok
}

const exclusive = unix.LOCK_EX | unix.LOCK_NB

// lock locks the work folder and the root. Those of a Worker that has ended are free as soon as its keeper runs, which
// takes long on a busy machine. It waits for that, two seconds at most.
//
//go:norace
func (r *room) lock(work, root uintptr) bool {
	pause := unix.Timespec{Nsec: 1e6}
	for range 64 {
		errno, ok := flockBoth(work, root, exclusive)
		if ok || errno != uintptr(unix.EWOULDBLOCK) || !r.late(work) {
			return ok
		}
		if raw.Sleep(&pause); pause.Nsec < 32e6 {
			pause.Nsec *= 2
		}
	}
	return false
}

//go:norace
func flockBoth(work, root, how uintptr) (errno uintptr, ok bool) {
	if errno, ok = raw.Flock(work, how); ok {
		errno, ok = raw.Flock(root, how)
	}
	return errno, ok
}

// leave leaves the locks to a keeper.
//
//go:norace
func (r *room) leave(work, root uintptr) (ok bool) {
	r.workFD, r.rootFD = work, root
	raw.Call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&r.begun)), 0, 0, 0, 0)
	// Before the keeper is there: the PID of a Worker that has ended by then could be another's.
	if r.pidFD, ok = raw.Call(unix.SYS_PIDFD_OPEN, uintptr(r.self.PID), 0, 0, 0, 0, 0); !ok {
		return false
	}
	r.shares = true
	ok = r.fork(0)
	raw.CloseFD(r.pidFD)
	return ok
}

// keep does its task until the Worker ends, then becomes worker-wrap to sweep and to record that.
//
// It blocks every signal that it can, since one that goes to the whole service would end it while the Worker still
// winds down. It has no capability, no descriptor of the Worker's, and no core file.
//
//go:norace
func (r *room) keep() {
	r.allSet = ^uint64(0)
	raw.Call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&r.allSet)), 0, 8, 0, 0)
	raw.Call(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)
	r.ownFiles()
	raw.Call(unix.SYS_CHDIR, raw.Ptr(unsafe.StringData("/\x00")), 0, 0, 0, 0, 0)
	r.part()
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0) // first, as capabilities may have to stay
	if r.does == guards {
		r.setCapabilities(0, 0)
	} else {
		r.dropPrivilege()
	}
	r.p.HideWords("worker-wrap: keeps a Worker's locks")
	if r.does != lone { // else there is nothing of Go's runtime
		pages.Shed(&r.p, variables, place())
	}
	if r.does == guards {
		r.guard()
	} else {
		if r.does == lone {
			r.recordStart()
		}
		r.await()
	}
	r.end()
	raw.Exit(0)
}

// task is what a keeper does until the Worker ends.
type task int

const (
	lone   task = iota // hold the locks of one that was started here
	holds              // hold those of one that came the longer way, see Hold
	guards             // lay the folder again, see Guard
)

// The descriptors of a keeper.
const (
	keptWork = iota // the work folder
	keptRoot        // the root; for one that guards the private folder
	keptPID
	keptNone // the first that is not its own; what else a keeper holds follows

	keptView = 12 // the Worker's mount namespace, if there is one to hold
)

// ownFiles leaves the keeper its own descriptors. The Worker's, the Listener's pipes among them, must not live on in
// it: who reads from them waits for their last copy.
//
//go:norace
func (r *room) ownFiles() {
	raw.Call(unix.SYS_DUP3, r.workFD, keptWork, unix.O_CLOEXEC, 0, 0, 0)
	raw.Call(unix.SYS_DUP3, r.rootFD, keptRoot, unix.O_CLOEXEC, 0, 0, 0)
	raw.Call(unix.SYS_DUP3, r.pidFD, keptPID, unix.O_CLOEXEC, 0, 0, 0)
	none := uintptr(keptNone)
	for _, fd := range r.more[:r.mores] {
		raw.Call(unix.SYS_DUP3, fd, none, unix.O_CLOEXEC, 0, 0, 0)
		none++
	}
	if r.viewFD == 0 {
		raw.CloseFrom(none)
		return
	}
	raw.Call(unix.SYS_DUP3, r.viewFD, keptView, unix.O_CLOEXEC, 0, 0, 0)
	for ; none < keptView; none++ {
		raw.CloseFD(none)
	}
	raw.CloseFrom(keptView + 1)
}

// await returns when the Worker has ended.
//
//go:norace
func (r *room) await() {
	r.pollFD = unix.PollFd{Fd: keptPID, Events: unix.POLLIN}
	for {
		n, ok := raw.Call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&r.pollFD)), 1, 0, 0, 0, 0)
		if ok && n == 1 {
			return
		}
		// Out of memory, or worse: the locks must not go before the Worker.
		if raw.SleepSecond(); r.gone() {
			return
		}
	}
}
