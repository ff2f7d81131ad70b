package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// RelayCommand is the hidden subcommand that a keeper starts. Its descriptors are [RelayWork] and [RelayPrivate].
const RelayCommand = "__relay"

// The descriptors of the process that a keeper starts.
const (
	RelayWork    = 3 + iota // the work folder
	RelayPrivate            // the private folder
)

// The descriptors of a keeper that guards, beyond keptWork and keptPID. keptRoot is the private folder here.
const (
	keptBelow = keptNone + iota // the private folder that is covered, or keptRoot once more: only its lock counts
	keptMounts
	keptWatch
)

const (
	tempName = "_temp\x00"
	// patience is how long, in milliseconds, a folder may be missing before one is made: whoever has removed it mostly
	// makes it anew, and must not find it there.
	patience = 100
	// again is the first pause, in milliseconds, after a try that failed; it doubles with each one up to longest.
	again, longest = 125, 8000
)

const watched = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_ONLYDIR

// guard lays the folder again until the Worker has ended.
//
//go:norace
func (r *room) guard() {
	raw.Call(unix.SYS_OPENAT, raw.CWD, raw.Ptr(unsafe.StringData("/proc/self/mountinfo\x00")), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	raw.Call(unix.SYS_INOTIFY_INIT1, unix.IN_CLOEXEC|unix.IN_NONBLOCK, 0, 0, 0, 0, 0)
	r.watchWork()
	raw.Look(keptRoot, raw.Empty(), unix.AT_EMPTY_PATH, &r.exe)
	for wait := r.lookAfter(); !r.pause(wait); {
		wait = r.lookAfter()
	}
}

// watchWork watches the work folder, and the one that has its name.
//
//go:norace
func (r *room) watchWork() {
	raw.Call(unix.SYS_FCHDIR, keptWork, 0, 0, 0, 0, 0)
	raw.Call(unix.SYS_INOTIFY_ADD_WATCH, keptWatch, raw.Ptr(unsafe.StringData(".\x00")), watched, 0, 0, 0)
	slash := r.work.Parent()
	r.work[slash] = 0
	raw.Call(unix.SYS_INOTIFY_ADD_WATCH, keptWatch, raw.Ptr(&r.work[0]), watched, 0, 0, 0)
	r.work[slash] = '/'
}

// lookAfter looks at _temp once and lays the folder over it if it does not lie there. It returns for how many
// milliseconds to wait if nothing happens, -1 for ever.
//
//go:norace
func (r *room) lookAfter() int {
	errno, ok := raw.Look(raw.CWD, &r.work[0], 0, &r.st)
	if ok && r.another() {
		return again
	}
	if !ok {
		return r.absent(errno, &r.work[0])
	}
	// What a link leads to is covered by the rules of a start, too.
	if errno, ok = raw.Look(keptWork, unsafe.StringData(tempName), 0, &r.st); ok && raw.SameFile(&r.st, &r.exe) {
		r.missing, r.failed = 0, 0
		return -1
	}
	if !ok {
		if rest := r.absent(errno, nil); rest != 0 {
			return rest
		}
	}
	r.missing = 0
	r.revive()
	if r.relay() {
		r.failed = 0
		return -1
	}
	r.failed = min(max(again, 2*r.failed), longest)
	return r.failed
}

// another takes the folder that has the work folder's name by now, which r.st is of, for the work folder. It reports
// whether it cannot.
//
//go:norace
func (r *room) another() bool {
	now, old := r.st, &r.st
	if _, ok := raw.Look(keptWork, raw.Empty(), unix.AT_EMPTY_PATH, old); ok && raw.SameFile(&now, old) {
		return false
	}
	fd, ok := raw.Open(raw.CWD, &r.work[0], unix.O_RDONLY|unix.O_DIRECTORY)
	if !ok {
		return true
	}
	raw.Call(unix.SYS_DUP3, fd, keptWork, unix.O_CLOEXEC, 0, 0, 0)
	raw.CloseFD(fd)
	r.watchWork()
	return false
}

// revive makes the private folder anew if somebody has deleted it: better an empty _temp than somebody else's.
//
//go:norace
func (r *room) revive() {
	const mask = unix.STATX_NLINK | unix.STATX_MODE
	_, ok := raw.Call(unix.SYS_STATX, keptRoot, raw.Ptr(raw.Empty()), unix.AT_EMPTY_PATH, mask, uintptr(unsafe.Pointer(&r.st)), 0)
	if !ok || r.st.Nlink > 0 {
		return
	}
	slash := r.own.Parent()
	r.own[slash] = 0
	raw.Call(unix.SYS_MKDIRAT, raw.CWD, raw.Ptr(&r.own[0]), 0o711, 0, 0, 0)
	r.own[slash] = '/'
	raw.Call(unix.SYS_MKDIRAT, raw.CWD, raw.Ptr(&r.own[0]), uintptr(r.st.Mode&0o777), 0, 0, 0)
	fd, ok := raw.Open(raw.CWD, &r.own[0], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if !ok {
		return
	}
	raw.Call(unix.SYS_DUP3, fd, keptRoot, unix.O_CLOEXEC, 0, 0, 0)
	raw.CloseFD(fd)
	raw.Look(keptRoot, raw.Empty(), unix.AT_EMPTY_PATH, &r.exe)
}

// absent returns how long to wait for a folder that is not there, 0 when it is time to make it. A path that is given
// is made here.
//
//go:norace
func (r *room) absent(errno uintptr, path raw.Str) int {
	if errno != uintptr(unix.ENOENT) {
		return longest
	}
	raw.Call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&r.limit)), 0, 0, 0, 0)
	now := r.limit.Nano()/1e6 + 1
	if r.missing == 0 {
		r.missing = now
	}
	if rest := r.missing + patience - now; rest > 0 {
		return int(rest)
	}
	if path == nil {
		return 0
	}
	r.missing = 0
	raw.Call(unix.SYS_MKDIRAT, raw.CWD, raw.Ptr(path), 0o755, 0, 0, 0)
	return again
}

// pause returns when something may have changed, or the time is over; true if the Worker has ended.
//
//go:norace
func (r *room) pause(milliseconds int) bool {
	r.polls = [3]unix.PollFd{{Fd: keptPID, Events: unix.POLLIN}, {Fd: keptMounts, Events: unix.POLLPRI}, {Fd: keptWatch, Events: unix.POLLIN}}
	r.limit = unix.NsecToTimespec(int64(milliseconds) * 1e6)
	timeout := uintptr(0)
	if milliseconds >= 0 {
		timeout = uintptr(unsafe.Pointer(&r.limit))
	}
	n, ok := raw.Call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&r.polls)), uintptr(len(r.polls)), timeout, 0, 0, 0)
	if !ok {
		raw.SleepSecond()
		return r.gone()
	}
	if n > 0 && r.polls[2].Revents != 0 {
		for ok := true; ok; {
			_, ok = raw.Call(unix.SYS_READ, keptWatch, uintptr(unsafe.Pointer(&r.text)), uintptr(len(r.text)), 0, 0, 0)
		}
	}
	return n > 0 && r.polls[0].Revents != 0
}

// gone reports whether the Worker has ended and was reaped, for a keeper that the kernel lets poll nothing: one whose
// limit of descriptors the job has taken away (RLIMIT_NOFILE, poll(2)).
//
//go:norace
func (r *room) gone() bool {
	errno, ok := raw.Call(unix.SYS_PIDFD_SEND_SIGNAL, keptPID, 0, 0, 0, 0, 0)
	return !ok && errno == uintptr(unix.ESRCH)
}

// relay has worker-wrap lay the folder, by the rules of a start, and reports whether it did.
//
//go:norace
//go:nocheckptr
func (r *room) relay() bool {
	pid, ok := raw.Call(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0) // without a signal at its end
	if !ok {
		return false
	}
	if pid == 0 {
		r.becomeRelay()
	}
	status, ok := raw.WaitFor(pid)
	return ok && status == 0
}
