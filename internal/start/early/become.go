package early

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// EndCommand is the hidden subcommand that a keeper becomes: EndCommand, the runner's _diag, the Worker's PID, its start
// in clock ticks, when it began in nanoseconds of the clock, and the path of the work folder, which is open as [EndWork].
const EndCommand = "__ended"

// The descriptors of the process that a keeper becomes.
const (
	EndWork = 3 + iota // the work folder
	EndView            // the Worker's mount namespace, if that is to be held open until nothing is left in it
)

// end becomes worker-wrap, in the view of files that the Worker had. The locks go before: that process takes its time,
// and the next Worker may be alone meanwhile.
//
//go:norace
func (r *room) end() {
	flock(keptWork, unix.LOCK_UN)
	closeFD(keptRoot)
	if r.does == guards {
		r.uncover()
	}
	call(unix.SYS_DUP3, keptWork, EndWork, 0, 0, 0, 0)
	if r.viewFD == 0 {
		closeFrom(EndView)
	} else {
		call(unix.SYS_DUP3, keptView, EndView, 0, 0, 0, 0)
		closeFrom(EndView + 1)
	}
	at := 0
	if r.root[0] != 0 && !(r.diag.add(&at, &r.root[0], length(&r.root[0])) && r.diag.text(&at, "/_diag")) {
		return
	}
	pid := 0
	start := write(r.numbers[:], pid, r.self.pid) + 1
	begun := write(r.numbers[:], start, r.self.start) + 1
	write(r.numbers[:], begun, uint64(r.begun.Nano()))
	for i, s := range [...]str{
		unsafe.StringData("worker-wrap\x00"), unsafe.StringData(EndCommand + "\x00"), &r.diag[0],
		&r.numbers[pid], &r.numbers[start], &r.numbers[begun], &r.work[0],
	} {
		r.argv[i] = ptr(s)
	}
	r.becomeWrap(unsafe.StringData("/proc/self/exe\x00"))
}

// uncover takes the per-PID folder off _temp in a view of the keeper's own, and then leaves it no capability. What is a
// mount point in the view of whoever deletes it is busy, and a job may have mounted something in its _temp.
//
//go:norace
func (r *room) uncover() {
	r.setCapabilities(sysAdmin, 0)
	if _, ok := call(unix.SYS_UNSHARE, unix.CLONE_NEWNS, 0, 0, 0, 0, 0); ok {
		root := ptr(unsafe.StringData("/\x00"))
		if _, ok := call(unix.SYS_MOUNT, root, root, 0, unix.MS_REC|unix.MS_PRIVATE, 0, 0); ok {
			call(unix.SYS_UMOUNT2, ptr(unsafe.StringData(tempName)), unix.MNT_DETACH, 0, 0, 0, 0)
		}
	}
	r.setCapabilities(0, 0)
	if r.p.uid != 0 { // root sweeps with what an exec gives it: files in the folder may be anybody's
		r.dropPrivilege()
	}
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
		call(unix.SYS_OPENAT, cwd, ptr(unsafe.StringData("/dev/null\x00")), unix.O_RDWR, 0, 0, 0)
	}
	r.forgetSignals()
	r.allSet = 0
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&r.allSet)), 0, 8, 0, 0)
	call(unix.SYS_EXECVE, ptr(path), uintptr(unsafe.Pointer(&r.argv)), uintptr(unsafe.Pointer(&r.noEnv)), 0, 0, 0)
}

// forgetSignals drops what signals came while they were blocked, as one that was meant for the whole service: they would
// end the keeper now, or be handled by Go's runtime, which is not there. To ignore a signal drops it (sigaction(2)).
//
//go:norace
func (r *room) forgetSignals() {
	const ignore, byDefault, last = 1, 0, 64
	for signal := uintptr(1); signal <= last; signal++ {
		for _, r.action[0] = range [...]uint64{ignore, byDefault} {
			call(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&r.action)), 0, 8, 0, 0)
		}
	}
}

// becomeRelay becomes worker-wrap with the capability to lay the folder.
//
//go:norace
func (r *room) becomeRelay() {
	call(unix.SYS_DUP3, keptRoot, RelayPrivate+8, unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_DUP3, keptWork, RelayWork, 0, 0, 0, 0)
	call(unix.SYS_DUP3, RelayPrivate+8, RelayPrivate, 0, 0, 0, 0)
	r.setCapabilities(0, sysAdmin)
	// In a user namespace the file's own capability counts for nothing (get_vfs_caps_from_disk in security/commoncap.c).
	call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0, 0)
	r.argv = [len(r.argv)]uintptr{ptr(unsafe.StringData("worker-wrap\x00")), ptr(unsafe.StringData(RelayCommand + "\x00"))}
	r.becomeWrap(&r.program[0])
	exit(1)
}

const sysAdmin = 1 << unix.CAP_SYS_ADMIN

// setCapabilities leaves the process CAP_SYS_ADMIN in the permitted set, if it has it there, or no capability. It is
// effective, and handed on to what the process becomes, as far as the arguments say.
//
//go:norace
func (r *room) setCapabilities(effective, inheritable uint32) {
	r.capHead.Version = unix.LINUX_CAPABILITY_VERSION_3
	call(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
	had := r.capData[0].Permitted & sysAdmin
	r.capData = [2]unix.CapUserData{{Permitted: had, Effective: had & effective, Inheritable: had & inheritable}}
	call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
}
