package early

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// stackSize is the room, in bytes, that spawned processes have; what they do not touch costs nothing.
const stackSize = 64 << 10

var keeperStack [stackSize]byte

// take makes this Worker the one that is in the plain _temp: it takes the locks on the work folder and on the root,
// notes itself as their owner, and leaves them to a keeper. ok is false if another is, or anything fails: then nothing
// is held.
//
// From exclusive to shared is one step in the kernel (flock_lock_inode in fs/locks.c changes the lock under one spin
// lock): nobody gets the lock in between. It ends shared, since others who are in the plain _temp by their user's wish
// have a keeper with a shared lock too.
//
//go:norace
func (r *room) take(work, root uintptr) (ok bool) {
	const exclusive, shared = unix.LOCK_EX | unix.LOCK_NB, unix.LOCK_SH | unix.LOCK_NB
	if !flock(work, exclusive) || !flock(root, exclusive) || !r.me() || !r.record(work, root) {
		return false
	}
	if !flock(work, shared) || !flock(root, shared) {
		return false
	}
	r.workFD, r.rootFD = work, root
	call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_REALTIME, uintptr(unsafe.Pointer(&r.begun)), 0, 0, 0, 0)
	// Before the keeper is there: the PID of a Worker that has ended by then could be another's.
	if r.pidFD, ok = call(unix.SYS_PIDFD_OPEN, uintptr(r.self.pid), 0, 0, 0, 0, 0); !ok {
		return false
	}
	ok = fork()
	closeFD(r.pidFD)
	return ok
}

//go:norace
func flock(fd uintptr, how uintptr) bool {
	_, ok := call(unix.SYS_FLOCK, fd, how, 0, 0, 0, 0)
	return ok
}

// fork makes the keeper, which is nobody's child but the reaper's: the Worker finds none that it has not started. The
// process in between borrows this one's memory until it ends, so that only the keeper's is copied. It has no exit
// signal, which the Worker's parent might have ignored; only __WALL waits for such a one (clone(2)).
//
//go:norace
//go:nocheckptr
func fork() bool {
	const flags = unix.CLONE_VM | unix.CLONE_VFORK
	pid := spawn(flags, uintptr(unsafe.Pointer(&keeperStack))+stackSize-64)
	if int(pid) < 0 {
		return false
	}
	var status uint32
	for {
		n, ok := call(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
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
	pid, ok := call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if ok && pid == 0 {
		r.keep()
	}
	status := uintptr(0)
	if !ok {
		status = pid
	}
	exit(status)
}

//go:norace
func exit(status uintptr) {
	for {
		call(unix.SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0)
	}
}

// keep holds the locks until the Worker ends, then becomes worker-wrap to record that.
//
// It blocks every signal that it can, since one that goes to the whole service would end it while the Worker still
// winds down. It has no capability, no descriptor of the Worker's, and no core file.
//
//go:norace
func (r *room) keep() {
	r.allSet = ^uint64(0)
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&r.allSet)), 0, 8, 0, 0)
	call(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)
	r.ownFiles()
	call(unix.SYS_CHDIR, ptr(unsafe.StringData("/\x00")), 0, 0, 0, 0, 0)
	call(unix.SYS_PRCTL, unix.PR_SET_NAME, ptr(unsafe.StringData("worker-wrap\x00")), 0, 0, 0, 0)
	call(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0, 0, 0, 0, 0)
	r.hideWords()
	if r.guards {
		r.setCapabilities(false)
		r.guard()
		exit(0)
	}
	call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	r.capHead.Version = unix.LINUX_CAPABILITY_VERSION_3
	call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
	r.recordStart()
	r.await()
	r.recordEnd()
	exit(0)
}

// The descriptors of a keeper.
const (
	keptWork = iota
	keptRoot
	keptPID
	keptNone // the first that is not its own
)

// ownFiles leaves the keeper its own descriptors. The Worker's, the Listener's pipes among them, must not live on in
// it: who reads from them waits for their last copy.
//
//go:norace
func (r *room) ownFiles() {
	call(unix.SYS_DUP3, r.workFD, keptWork, unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_DUP3, r.rootFD, keptRoot, unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_DUP3, r.pidFD, keptPID, unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_CLOSE_RANGE, keptNone, uintptr(^uint32(0)), 0, 0, 0, 0)
}

// hideWords makes the keeper's command line its own, and its environment nothing: who looks for Workers by their
// command line, or for a job's processes by their environment, is not to find it.
//
//go:norace
//go:nocheckptr
func (r *room) hideWords() {
	const name = "worker-wrap: keeps a Worker's locks"
	if r.p.argv == nil { // a program that was linked without entry
		return
	}
	room := length(arg(r.p.argv, 0))
	for _, v := range [...]unsafe.Pointer{r.p.argv, r.p.envp} {
		for i := 0; ; i++ {
			s := arg(v, i)
			if s == nil {
				break
			}
			for k := 0; char(s, k) != 0; k++ {
				*(*byte)(unsafe.Add(unsafe.Pointer(s), k)) = 0
			}
		}
	}
	s := arg(r.p.argv, 0) // the first word's place, which ends in a 0
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
		n, ok := call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&r.pollFD)), 1, 0, 0, 0, 0)
		if ok && n == 1 {
			return
		}
		// Out of memory at worst: the locks must not go before the Worker.
		sleepSecond()
	}
}

//go:norace
func sleepSecond() {
	second := unix.Timespec{Sec: 1}
	call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&second)), 0, 0, 0, 0, 0)
}

// EndCommand is the hidden subcommand that a keeper becomes: EndCommand, the runner's _diag, the Worker's PID, its start
// in clock ticks, and when it began in nanoseconds of the clock.
const EndCommand = "__ended"

// recordEnd becomes worker-wrap.
//
//go:norace
func (r *room) recordEnd() {
	at := 0
	if !r.diag.add(&at, &r.root[0], length(&r.root[0])) || !r.diag.text(&at, "/_diag") {
		return
	}
	pid := 0
	start := write(r.numbers[:], pid, r.self.pid) + 1
	begun := write(r.numbers[:], start, r.self.start) + 1
	write(r.numbers[:], begun, uint64(r.begun.Nano()))
	for i, s := range [...]str{
		unsafe.StringData("worker-wrap\x00"), unsafe.StringData(EndCommand + "\x00"), &r.diag[0],
		&r.numbers[pid], &r.numbers[start], &r.numbers[begun],
	} {
		r.argv[i] = ptr(s)
	}
	r.becomeWrap(unsafe.StringData("/proc/self/exe\x00"))
}

// becomeWrap execs worker-wrap, which is at path, with the words of argv: no environment, no blocked signal, and
// standard descriptors, the keeper's own until then, that lead nowhere. It returns if the kernel refuses.
//
//go:norace
func (r *room) becomeWrap(path str) {
	for fd := range uintptr(keptNone) {
		closeFD(fd)
	}
	for range keptNone {
		open(cwd, unsafe.StringData("/dev/null\x00"), unix.O_RDWR&^unix.O_CLOEXEC)
	}
	r.allSet = 0
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&r.allSet)), 0, 8, 0, 0)
	call(unix.SYS_EXECVE, ptr(path), uintptr(unsafe.Pointer(&r.argv)), uintptr(unsafe.Pointer(&r.noEnv)), 0, 0, 0)
}
