package early

import (
	"errors"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// Worker says for whom a keeper is left, by a start that came the longer way, or by an install that found it.
type Worker struct {
	Self  perpid.Owner // the process that is it, or becomes it
	Begun time.Time
	Root  string   // the runner's, "" if there is none
	Work  *os.File // the work folder
	// View is the mount namespace that the Worker has, which is to be held open beyond its end, nil if it need not be.
	View *os.File
}

// Hold leaves a keeper that keeps what the caller has locked until the Worker ends. At most three files are kept; they
// stay the caller's to close, which does not unlock them. It returns the keeper's PID.
func Hold(w Worker, locked []*os.File) (keeper int, err error) {
	r := roomOf(holds, w)
	fds := []int{int(w.Work.Fd())}
	if len(locked) == 0 {
		fds = append(fds, fds[0]) // a keeper has two at least
	}
	for _, f := range locked {
		fds = append(fds, int(f.Fd()))
	}
	keeper, err = r.hand(holds, w, fds)
	runtime.KeepAlive(locked)
	return keeper, err
}

// Guard leaves a keeper beside a Worker that has private, its private folder, laid over _temp in w.Work. It must be
// called on the thread that is in that mount namespace. The locks on private, and on below, unless that is nil, stay
// locked as long as the Worker lives. It returns the keeper's PID.
//
// Whoever is in the plain _temp may remove it, as cleaning hooks do; the kernel then takes every mount off it, in each
// namespace. The keeper sees that and starts worker-wrap ([RelayCommand]) to lay the folder over the _temp that is made
// anew. Linux tells of changed mounts by poll(2) on /proc/self/mountinfo, and of new folders by inotify(7).
//
// The keeper lives in the Worker's namespace. Of capabilities it has CAP_SYS_ADMIN if the caller has it, in no effective
// set; it is inheritable too, by which the worker-wrap that it starts knows that nobody else has started it.
func Guard(w Worker, private, below *os.File) (keeper int, err error) {
	// O_PATH does for none of the calls that watch a folder.
	dir, err := unix.Open(untrusted.Through(w.Work), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, &os.PathError{Op: "open", Path: w.Work.Name(), Err: err}
	}
	defer unix.Close(dir)
	r := roomOf(guards, w)
	// By its path: /proc/self/exe is on a mount of the namespace that this one is a copy of. There the kernel grants no
	// file capability (mnt_may_suid in fs/namespace.c).
	program, err := os.Executable()
	at := 0
	if err != nil || !r.program.Text(&at, program) {
		return 0, &os.PathError{Op: "readlink", Path: "/proc/self/exe", Err: errors.Join(err, unix.ENAMETOOLONG)}
	}
	if at = 0; !r.own.Text(&at, private.Name()) {
		return 0, &os.PathError{Op: "keep", Path: private.Name(), Err: unix.ENAMETOOLONG}
	}
	if below == nil {
		below = private
	}
	keeper, err = r.hand(guards, w, []int{dir, int(private.Fd()), int(below.Fd())})
	runtime.KeepAlive(private)
	runtime.KeepAlive(below)
	return keeper, err
}

// roomOf returns the room of a new keeper. The first that guards this process, whose thread becomes the Worker, borrows
// memory; all others have copies.
func roomOf(does task, w Worker) *room {
	r := &rooms[0]
	shares := does == guards && w.Self.PID == os.Getpid() && r.there == 0
	if !shares {
		rooms[1].p = r.p
		r = &rooms[1]
	}
	r.shares = shares
	return r
}

// hand makes a keeper that has the descriptors in fds: the work folder, and one to four more.
func (r *room) hand(does task, w Worker, fds []int) (keeper int, err error) {
	pid, err := unix.PidfdOpen(w.Self.PID, 0)
	if err != nil {
		return 0, os.NewSyscallError("pidfd_open", err)
	}
	defer unix.Close(pid)
	if w.Self.PID != os.Getpid() { // else there is no doubt about whose end is waited for
		if now, err := w.Self.Peer(w.Self.PID); err != nil || now != w.Self {
			return 0, os.NewSyscallError("pidfd_open", unix.ESRCH)
		}
	}
	r.viewFD = 0
	if w.View != nil { // out of the way of the numbers that a keeper's other descriptors get
		view, err := unix.FcntlInt(w.View.Fd(), unix.F_DUPFD_CLOEXEC, keptView+1)
		if err != nil {
			return 0, os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
		}
		defer unix.Close(view)
		r.viewFD = uintptr(view)
	}
	for _, fd := range append(fds, pid) {
		if fd < keptNone {
			return 0, os.NewSyscallError("dup3", unix.EBADF) // a standard descriptor is closed
		}
	}
	r.does, r.workFD, r.rootFD, r.pidFD = does, uintptr(fds[0]), uintptr(fds[1]), uintptr(pid)
	r.mores = 0
	for _, fd := range fds[2:] {
		r.more[r.mores] = uintptr(fd)
		r.mores++
	}
	r.self = raw.Owner{PID: uint64(w.Self.PID), Start: w.Self.Start, PIDNS: w.Self.PIDNS}
	r.begun = unix.NsecToTimespec(w.Begun.UnixNano())
	r.p.UID = uintptr(os.Getuid())
	root, work := 0, 0
	r.root[0] = 0
	if !r.root.Text(&root, w.Root) || !r.work.Text(&work, w.Work.Name()) {
		return 0, &os.PathError{Op: "keep", Path: w.Work.Name(), Err: unix.ENAMETOOLONG}
	}
	// A handler of Go's must not run in a process that has this one's memory.
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i]--
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old); err != nil {
		return 0, os.NewSyscallError("rt_sigprocmask", err)
	}
	ok := r.fork(r.top())
	_ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
	if !ok {
		return 0, os.NewSyscallError("clone", unix.EAGAIN)
	}
	return int(r.keeper), nil
}
