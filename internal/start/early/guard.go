package early

import (
	"errors"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Guard leaves a keeper beside a Worker that has private, its per-PID folder, laid over _temp in work. It must be
// called on the thread that is in that mount namespace, and becomes the Worker.
//
// Whoever is in the plain _temp may remove it, as cleaning hooks do; the kernel then takes every mount off it, in each
// namespace. The keeper sees that and starts worker-wrap ([RelayCommand]) to lay the folder over the _temp that is made
// anew. Linux tells of changed mounts by poll(2) on /proc/self/mountinfo, and of new folders by inotify(7).
//
// The keeper lives in the Worker's namespace. Of capabilities it has CAP_SYS_ADMIN if the caller has it, in no effective
// set; it is inheritable too, by which the worker-wrap that it starts knows that nobody else has started it.
func Guard(work, private *os.File) error {
	pid, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(pid)
	// O_PATH does for none of the calls that watch a folder.
	dir, err := unix.Open(untrusted.Through(work), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: work.Name(), Err: err}
	}
	defer unix.Close(dir)
	// By its path: /proc/self/exe is on a mount of the namespace that this one is a copy of, and there the kernel grants
	// no file capability (mnt_may_suid in fs/namespace.c).
	program, err := os.Executable()
	at := 0
	if err != nil || !r.program.text(&at, program) {
		return &os.PathError{Op: "readlink", Path: "/proc/self/exe", Err: errors.Join(err, unix.ENAMETOOLONG)}
	}
	r.guards, r.workFD, r.rootFD, r.pidFD = true, uintptr(dir), private.Fd(), uintptr(pid)
	if dir < keptNone || pid < keptNone || int(private.Fd()) < keptNone {
		return os.NewSyscallError("dup3", unix.EBADF) // a standard descriptor is closed
	}
	// A handler of Go's must not run in a process that has this one's memory.
	all, old := ^uint64(0), uint64(0)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&all)), uintptr(unsafe.Pointer(&old)), 8, 0, 0)
	ok := fork()
	call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&old)), 0, 8, 0, 0)
	runtime.KeepAlive(private)
	runtime.KeepAlive(work)
	if !ok {
		return os.NewSyscallError("clone", unix.EAGAIN)
	}
	return nil
}

// RelayCommand is the hidden subcommand that a keeper starts. Its descriptors are [RelayWork] and [RelayPrivate].
const RelayCommand = "__relay"

// The descriptors of the process that a keeper starts.
const (
	RelayWork    = 3 + iota // the work folder
	RelayPrivate            // the per-PID folder
)

// The descriptors of a keeper that guards, beyond keptWork and keptPID. keptRoot is the per-PID folder here.
const (
	keptMounts = keptNone + iota
	keptWatch
)

const (
	tempName = "_temp\x00"
	// patience is how long, in milliseconds, a _temp may be missing before one is made: whoever has removed it mostly
	// makes it anew, and must not find it there.
	patience = 100
	// again is the pause, in milliseconds, after a try that failed.
	again = 1000
)

// guard lays the folder again until the Worker has ended.
//
//go:norace
func (r *room) guard() {
	call(unix.SYS_OPENAT, cwd, ptr(unsafe.StringData("/proc/self/mountinfo\x00")), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_INOTIFY_INIT1, unix.IN_CLOEXEC|unix.IN_NONBLOCK, 0, 0, 0, 0, 0)
	call(unix.SYS_FCHDIR, keptWork, 0, 0, 0, 0, 0)
	call(unix.SYS_INOTIFY_ADD_WATCH, keptWatch, ptr(unsafe.StringData(".\x00")),
		unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_MOVED_FROM|unix.IN_ONLYDIR, 0, 0, 0)
	look(keptRoot, &none[0], unix.AT_EMPTY_PATH, &r.exe)
	for wait := r.lookAfter(); !r.pause(wait); {
		wait = r.lookAfter()
	}
}

// lookAfter looks at _temp once and lays the folder over it if it does not lie there. It returns for how many
// milliseconds to wait if nothing happens, -1 for ever.
//
//go:norace
func (r *room) lookAfter() int {
	errno, ok := look(keptWork, unsafe.StringData(tempName), unix.AT_SYMLINK_NOFOLLOW, &r.st)
	switch {
	case ok && sameFile(&r.st, &r.exe):
		r.missing = 0
		return -1
	case ok && r.st.Mode&unix.S_IFMT != unix.S_IFDIR:
		return -1 // a link leads where nobody has looked
	case !ok && errno != uintptr(unix.ENOENT):
		return again
	case !ok:
		call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&r.limit)), 0, 0, 0, 0)
		now := r.limit.Nano()/1e6 + 1
		if r.missing == 0 {
			r.missing = now
		}
		if rest := r.missing + patience - now; rest > 0 {
			return int(rest)
		}
	}
	r.missing = 0
	if !r.relay() {
		return again
	}
	return -1
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
	n, ok := call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&r.polls)), uintptr(len(r.polls)), timeout, 0, 0, 0)
	if !ok {
		sleepSecond()
		return false
	}
	if n > 0 && r.polls[2].Revents != 0 {
		for ok := true; ok; {
			_, ok = call(unix.SYS_READ, keptWatch, uintptr(unsafe.Pointer(&r.text)), uintptr(len(r.text)), 0, 0, 0)
		}
	}
	return n > 0 && r.polls[0].Revents != 0
}

// relay has worker-wrap lay the folder, by the rules of a start, and reports whether it did.
//
//go:norace
//go:nocheckptr
func (r *room) relay() bool {
	pid, ok := call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if !ok {
		return false
	}
	if pid == 0 {
		r.becomeRelay()
	}
	var status uint32
	for {
		n, ok := call(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
		if ok || n != uintptr(unix.EINTR) {
			return ok && status == 0
		}
	}
}

//go:norace
func (r *room) becomeRelay() {
	call(unix.SYS_DUP3, keptWatch, keptNone+8, unix.O_CLOEXEC, 0, 0, 0) // out of the way, not needed
	call(unix.SYS_DUP3, keptRoot, RelayPrivate+8, unix.O_CLOEXEC, 0, 0, 0)
	call(unix.SYS_DUP3, keptWork, RelayWork, 0, 0, 0, 0)
	call(unix.SYS_DUP3, RelayPrivate+8, RelayPrivate, 0, 0, 0, 0)
	r.setCapabilities(true)
	r.argv = [len(r.argv)]uintptr{ptr(unsafe.StringData("worker-wrap\x00")), ptr(unsafe.StringData(RelayCommand + "\x00"))}
	r.becomeWrap(&r.program[0])
	exit(1)
}

// setCapabilities leaves the process CAP_SYS_ADMIN in the permitted set, if it has it there, or no capability. With
// inheritable it is handed on, too.
//
//go:norace
func (r *room) setCapabilities(inheritable bool) {
	r.capHead.Version = unix.LINUX_CAPABILITY_VERSION_3
	call(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
	had := r.capData[0].Permitted & (1 << unix.CAP_SYS_ADMIN)
	r.capData = [2]unix.CapUserData{{Permitted: had}}
	if inheritable {
		r.capData[0].Inheritable = had
	}
	call(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&r.capHead)), uintptr(unsafe.Pointer(&r.capData)), 0, 0, 0, 0)
}
