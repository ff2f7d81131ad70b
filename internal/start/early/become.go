package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// EndCommand is the hidden subcommand that a keeper becomes: EndCommand; the runner's _diag; the Worker's PID, and its
// start in clock ticks and in nanoseconds of the clock; the path of the work folder, which is open as [EndWork].
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
	raw.Flock(keptWork, unix.LOCK_UN)
	raw.CloseFD(keptRoot)
	if r.does == guards {
		r.uncover()
	}
	raw.Call(unix.SYS_DUP3, keptWork, EndWork, 0, 0, 0, 0)
	if r.viewFD == 0 {
		raw.CloseFrom(EndView)
	} else {
		raw.Call(unix.SYS_DUP3, keptView, EndView, 0, 0, 0, 0)
		raw.CloseFrom(EndView + 1)
	}
	at := 0
	if r.root[0] != 0 && !(r.diag.Add(&at, &r.root[0], raw.Length(&r.root[0])) && r.diag.Text(&at, "/_diag")) {
		return
	}
	pid := 0
	start := raw.Write(r.numbers[:], pid, r.self.PID) + 1
	begun := raw.Write(r.numbers[:], start, r.self.Start) + 1
	raw.Write(r.numbers[:], begun, uint64(r.begun.Nano()))
	for i, s := range [...]raw.Str{
		unsafe.StringData("worker-wrap\x00"), unsafe.StringData(EndCommand + "\x00"), &r.diag[0],
		&r.numbers[pid], &r.numbers[start], &r.numbers[begun], &r.work[0],
	} {
		r.argv[i] = raw.Ptr(s)
	}
	r.becomeWrap(unsafe.StringData("/proc/self/exe\x00"))
}

// uncover takes the private folder off _temp in a view of the keeper's own, and then leaves it no capability. What is a
// mount point in the view of whoever deletes it is busy, and a job may have mounted something in its _temp.
//
//go:norace
func (r *room) uncover() {
	r.setCapabilities(sysAdmin, 0)
	if _, ok := raw.Call(unix.SYS_UNSHARE, unix.CLONE_NEWNS, 0, 0, 0, 0, 0); ok {
		root := raw.Ptr(unsafe.StringData("/\x00"))
		if _, ok := raw.Call(unix.SYS_MOUNT, root, root, 0, unix.MS_REC|unix.MS_PRIVATE, 0, 0); ok {
			raw.Call(unix.SYS_UMOUNT2, raw.Ptr(unsafe.StringData(tempName)), unix.MNT_DETACH, 0, 0, 0, 0)
		}
	}
	r.setCapabilities(0, 0)
	if r.p.UID != 0 { // root sweeps with what an exec gives it: files in the folder may be anybody's
		r.dropPrivilege()
	}
}

// becomeWrap execs worker-wrap, which is at path, with the words of argv: no environment, no blocked signal, and
// standard descriptors, the keeper's own until then, that lead nowhere. It returns if the kernel refuses.
//
//go:norace
func (r *room) becomeWrap(path raw.Str) {
	for fd := range uintptr(keptNone) {
		raw.CloseFD(fd)
	}
	for range keptNone {
		raw.Call(unix.SYS_OPENAT, raw.CWD, raw.Ptr(unsafe.StringData("/dev/null\x00")), unix.O_RDWR, 0, 0, 0)
	}
	r.forgetSignals()
	r.allSet = 0
	raw.Call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&r.allSet)), 0, 8, 0, 0)
	raw.Call(unix.SYS_EXECVE, raw.Ptr(path), uintptr(unsafe.Pointer(&r.argv)), uintptr(unsafe.Pointer(&r.noEnv)), 0, 0, 0)
}

// forgetSignals drops what signals came while they were blocked, as one that was meant for the whole service: they would
// end the keeper now, or be handled by Go's runtime, which is not there. To ignore a signal drops it (sigaction(2)).
//
//go:norace
func (r *room) forgetSignals() {
	const ignore, byDefault, last = 1, 0, 64
	for signal := uintptr(1); signal <= last; signal++ {
		for _, r.action[0] = range [...]uint64{ignore, byDefault} {
			raw.Call(unix.SYS_RT_SIGACTION, signal, uintptr(unsafe.Pointer(&r.action)), 0, 8, 0, 0)
		}
	}
}

// becomeRelay becomes worker-wrap with the capability to lay the folder.
//
//go:norace
func (r *room) becomeRelay() {
	raw.Call(unix.SYS_DUP3, keptRoot, RelayPrivate+8, unix.O_CLOEXEC, 0, 0, 0)
	raw.Call(unix.SYS_DUP3, keptWork, RelayWork, 0, 0, 0, 0)
	raw.Call(unix.SYS_DUP3, RelayPrivate+8, RelayPrivate, 0, 0, 0, 0)
	r.setCapabilities(0, sysAdmin)
	// In a user namespace the file's own capability counts for nothing (get_vfs_caps_from_disk in security/commoncap.c).
	raw.Call(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_SYS_ADMIN, 0, 0, 0)
	r.argv = [len(r.argv)]uintptr{raw.Ptr(unsafe.StringData("worker-wrap\x00")), raw.Ptr(unsafe.StringData(RelayCommand + "\x00"))}
	r.becomeWrap(&r.program[0])
	raw.Exit(1)
}
