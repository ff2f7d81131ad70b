package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/start/idle"
	"github.com/worker-wrap/worker-wrap/internal/start/pages"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// Where settings lie that hold without the Listener's environment: see package settings.
const (
	machineFile = settings.MachineFile + "\x00"
	runnerFile  = settings.RunnerFile + "\x00"
)

// attempt starts a Worker that is alone, at the kernel's stack pointer. It returns if it is no Worker's start or anything
// is unusual. Then nothing is changed but what package pages does for the longer way.
//
//go:norace
func attempt(sp unsafe.Pointer) {
	r := &rooms[0]
	r.p.Read(sp)
	idle.Docker(&r.p)
	argv0 := raw.Arg(r.p.Worker, 0)
	switch {
	case argv0 == nil:
	case r.names(argv0):
		r.alone()
		pages.Ahead(&r.p, variables, place())
	case r.p.Is(1, "--temp"):
		pages.Ahead(&r.p, variables, place())
	}
}

// alone is attempt for what is a Worker's start.
//
//go:norace
func (r *room) alone() {
	isAlone, usual := r.p.Settings()
	if !usual || !r.p.PlainIDs {
		return
	}
	root, ok := raw.Open(raw.CWD, &r.root[0], unix.O_RDONLY|unix.O_DIRECTORY)
	if !ok || root < 3 {
		return // a standard descriptor is closed: the keeper would have to go round it
	}
	if work, ok := r.find(root, isAlone); ok {
		if r.take(work, root) {
			r.become()
		}
		r.recall()
		raw.CloseFD(work)
	}
	raw.CloseFD(root)
}

// names puts together the paths that follow from the Worker's, <root>/bin/Runner.Worker, the only form in which the
// Listener gives it.
//
//go:norace
func (r *room) names(argv0 raw.Str) bool {
	const base = "/Runner.Worker"
	n := raw.Length(argv0)
	if n <= len(base) || n > len(r.real)-64 || raw.Char(argv0, 0) != '/' || !raw.Has(argv0, n-len(base), base) {
		return false
	}
	if !raw.PlainPath(unsafe.Slice(argv0, n)) {
		return false
	}
	bin := n - len(base)
	root := bin - 1
	for root > 0 && raw.Char(argv0, root) != '/' {
		root--
	}
	if root <= 0 {
		return false
	}
	at := 0
	ok := r.root.Add(&at, argv0, root)
	at, r.bin = 0, bin
	ok = ok && r.real.Add(&at, argv0, bin) && r.real.Text(&at, "/"+runner.KeptWorkerName)
	at = 0
	return ok && r.link.Add(&at, argv0, bin) && r.link.Text(&at, "/"+runner.AloneName)
}

// find reads what says whether and where the Worker may be alone: settings, .runner, the real Worker. It returns the
// open work folder.
//
//go:norace
func (r *room) find(root uintptr, isAlone bool) (work uintptr, ok bool) {
	for i := range 2 {
		dir, name := raw.CWD, unsafe.StringData(machineFile)
		if i == 1 {
			dir, name = root, unsafe.StringData(runnerFile)
		}
		n, errno, ok := raw.Slurp(dir, name, r.text[:])
		if !ok {
			if errno != uintptr(unix.ENOENT) {
				return 0, false
			}
			continue
		}
		there, usual := raw.SettingsIn(r.text[:n])
		if !usual {
			return 0, false
		}
		isAlone = isAlone || there
	}
	if !isAlone {
		return 0, false
	}
	// Root leaves what is another user's to the ordinary start, which gives away what it makes there.
	if _, ok := raw.Look(root, raw.Empty(), unix.AT_EMPTY_PATH, &r.above); !ok || r.p.UID == 0 && r.above.Uid != 0 {
		return 0, false
	}
	n, _, ok := raw.Slurp(root, unsafe.StringData(".runner\x00"), r.text[:])
	if !ok {
		return 0, false
	}
	from, to, ok := runner.SimpleWorkFolder(r.text[:n])
	if !ok || !raw.PlainPath(r.text[from:to]) {
		return 0, false
	}
	at := 0
	if !r.work.Add(&at, &r.text[from], to-from) || !r.worker() {
		return 0, false
	}
	work, ok = raw.Open(root, &r.work[0], unix.O_RDONLY|unix.O_DIRECTORY)
	if !ok {
		return 0, false
	}
	// A work folder that is the root is for the ordinary start: opened twice, one would keep the other from the lock.
	if _, ok := raw.Look(work, raw.Empty(), unix.AT_EMPTY_PATH, &r.st); !ok || raw.SameFile(&r.st, &r.above) || !r.plainTemp(work) {
		raw.CloseFD(work)
		return 0, false
	}
	return work, true
}

// plainTemp reports whether _temp is a folder of the file system around it, or is yet to be made. A link leads to a
// folder that has a lock of its own; a mount may be a private Worker's, in whose view this start is.
//
//go:norace
func (r *room) plainTemp(work uintptr) bool {
	errno, ok := raw.Look(work, unsafe.StringData("_temp\x00"), unix.AT_SYMLINK_NOFOLLOW, &r.st)
	if !ok {
		return errno == uintptr(unix.ENOENT)
	}
	return r.st.Mode&unix.S_IFMT == unix.S_IFDIR && r.st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0
}

// worker reports whether the real Worker can be started, and is not this program again.
//
//go:norace
func (r *room) worker() bool {
	if _, ok := raw.Look(raw.CWD, &r.real[0], 0, &r.st); !ok { // the name that no other tool uses
		at := r.bin
		if !r.real.Text(&at, "/"+runner.RealWorkerName) {
			return false
		}
		if _, ok := raw.Look(raw.CWD, &r.real[0], 0, &r.st); !ok {
			return false
		}
	}
	if r.st.Mode&unix.S_IFMT != unix.S_IFREG || r.isEntry() {
		return false
	}
	if _, ok := raw.Look(raw.CWD, unsafe.StringData("/proc/self/exe\x00"), 0, &r.exe); !ok {
		return false
	}
	if raw.SameFile(&r.st, &r.exe) {
		return false
	}
	if _, ok := raw.Call(unix.SYS_FACCESSAT, raw.CWD, raw.Ptr(&r.real[0]), unix.X_OK, 0, 0, 0); !ok {
		return false
	}
	_, ok := raw.Look(raw.CWD, &r.link[0], 0, &r.exe)
	r.linked = ok && raw.SameFile(&r.st, &r.exe)
	return true
}

// isEntry reports whether the real Worker is a script that starts worker-wrap again, or cannot be read.
//
//go:norace
func (r *room) isEntry() bool {
	fd, ok := raw.Open(raw.CWD, &r.real[0], unix.O_RDONLY)
	if !ok {
		return true
	}
	n, ok := raw.Call(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&r.text)), runner.EntrySize, 0, 0, 0)
	raw.CloseFD(fd)
	if !ok || n < 2 {
		return true
	}
	if r.text[0] != '#' || r.text[1] != '!' {
		return false
	}
	for i := 0; i < int(n) && r.text[i] != '\n'; i++ {
		if string(r.text[i:min(i+len(runner.EntryWord), int(n))]) == runner.EntryWord {
			return true
		}
	}
	return false
}

// become execs the real Worker: by a link with the runner's own name for it, which is then the name of the process, or
// by its own. It returns if the kernel refuses.
//
//go:norace
func (r *room) become() {
	if r.linked {
		raw.Call(unix.SYS_EXECVE, raw.Ptr(&r.link[0]), r.p.Worker, r.p.Envp, 0, 0, 0)
	}
	raw.Call(unix.SYS_EXECVE, raw.Ptr(&r.real[0]), r.p.Worker, r.p.Envp, 0, 0, 0)
}
