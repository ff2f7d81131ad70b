package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// stackSize is the room, in bytes, that spawned processes have; what they do not touch costs nothing.
const stackSize = 64 << 10

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
	const exclusive, shared = unix.LOCK_EX | unix.LOCK_NB, unix.LOCK_SH | unix.LOCK_NB
	temp, there := raw.Open(work, unsafe.StringData(tempName), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if !there && temp != uintptr(unix.ENOENT) {
		return false
	}
	ok = raw.Flock(work, exclusive) && raw.Flock(root, exclusive) && (!there || raw.Flock(temp, exclusive)) &&
		r.me() && r.record(work, root)
	if ok {
		if ok = raw.Flock(work, shared) && raw.Flock(root, shared) && r.leave(work, root); !ok {
			r.unrecord(work, root)
		}
	}
	if there {
		raw.CloseFD(temp)
	}
	return ok
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
	ok = fork()
	raw.CloseFD(r.pidFD)
	return ok
}

// fork makes the keeper, which is nobody's child but the reaper's: the Worker finds none that it has not started. The
// process in between borrows this one's memory until it ends, so that only the keeper's is copied. It has no exit
// signal, which the Worker's parent might have ignored; only __WALL waits for such a child (clone(2)).
//
//go:norace
//go:nocheckptr
func fork() bool {
	const flags = unix.CLONE_VM | unix.CLONE_VFORK
	pid := spawn(flags, (uintptr(unsafe.Pointer(&r.stack))+stackSize-64)&^15)
	if int(pid) < 0 {
		return false
	}
	var status uint32
	for {
		n, ok := raw.Call(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
		if ok {
			return status == 0
		}
		if n != uintptr(unix.EINTR) {
			return false
		}
	}
}

// between forks the keeper and ends. Its exit status is the errno if it cannot.
//
//go:norace
func between() {
	pid, ok := raw.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if ok && pid == 0 {
		r.keep()
	}
	r.keeper = pid
	status := uintptr(0)
	if !ok {
		status = pid
	}
	raw.Exit(status)
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
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_NAME, raw.Ptr(unsafe.StringData("worker-wrap\x00")), 0, 0, 0, 0)
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	r.hideWords()
	r.shed()
	switch r.does {
	case guards:
		r.setCapabilities(0, 0)
		r.guard()
	case holds:
		r.dropPrivilege()
		r.await()
	default:
		r.dropPrivilege()
		r.recordStart()
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

// dropPrivilege leaves the keeper no capability, and no way to gain one from a file.
//
//go:norace
func (r *room) dropPrivilege() {
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	r.capHead.Version = unix.LINUX_CAPABILITY_VERSION_3
	r.capData = [2]unix.CapUserData{}
	raw.Call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
}

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

// hideWords makes the keeper's command line its own, and its environment nothing: who looks for Workers by their
// command line, or for a job's processes by their environment, is not to find it.
//
//go:norace
//go:nocheckptr
func (r *room) hideWords() {
	const name = "worker-wrap: keeps a Worker's locks"
	if r.p.Argv == nil { // a program that was linked without entry
		return
	}
	room := raw.Length(raw.Arg(r.p.Argv, 0))
	for _, v := range [...]unsafe.Pointer{r.p.Argv, r.p.Envp} {
		for i := 0; ; i++ {
			s := raw.Arg(v, i)
			if s == nil {
				break
			}
			for k := 0; raw.Char(s, k) != 0; k++ {
				*(*byte)(unsafe.Add(unsafe.Pointer(s), k)) = 0
			}
		}
	}
	s := raw.Arg(r.p.Argv, 0) // the first word's place, which ends in a 0
	for k := range min(len(name), room) {
		*(*byte)(unsafe.Add(unsafe.Pointer(s), k)) = name[k]
	}
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
