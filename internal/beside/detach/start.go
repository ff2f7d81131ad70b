package detach

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// FirstFile is the descriptor number of the first of the files given to [Start] in the process that it
// starts; the others follow.
const FirstFile = 3

// Start runs /proc/self/exe, this program, with argv[0] name and the arguments args, in a process that
//   - is nobody's child but the reaper's (init, or the nearest PR_SET_CHILD_SUBREAPER), in a new session without a
//     terminal; its working directory is /, and its environment empty;
//   - has the files at [FirstFile] and up, /dev/null as 0, 1 and 2, and no other descriptor;
//   - blocks no signal, and has no capabilities unless its user is root, and can gain none from the
//     file it runs (PR_SET_NO_NEW_PRIVS): the file of worker-wrap has one;
//   - is in the namespaces of the calling thread, and has its limits, niceness, cgroup, oom_score_adj and umask.
//
// Start returns when the process has begun to run the program: an error is one of making the process,
// and then there is none. The files stay the caller's to close.
//
// Requires Linux 3.5 (PR_SET_NO_NEW_PRIVS); uses close_range(2) of 5.9 if there is one.
func Start(name string, args []string, files []*os.File) error {
	return start(name, args, files, true)
}

// start is Start; closeRange is false in a test of older kernels.
func start(name string, args []string, files []*os.File, closeRange bool) error {
	b, err := begin(name, args, files, closeRange)
	if err != nil {
		return err
	}
	return b.Wait()
}

// Begun is a process that is about to run the program. What it still looks at in this one's memory must stay.
type Begun struct {
	child  *child
	argv   []*byte
	from   []int
	others []int
}

// Begin is [Start] for a caller that has something else to do until the process runs the program, and then calls Wait:
// before it becomes another program, or ends. The process has copies of the files already.
func Begin(name string, args []string, files []*os.File) (*Begun, error) {
	return begin(name, args, files, true)
}

// Wait waits until the process has begun to run the program.
func (b *Begun) Wait() error {
	err := b.child.wait()
	runtime.KeepAlive(b)
	return wrapped(err)
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot start a process beside this one: %w", err)
}

func begin(name string, args []string, files []*os.File, closeRange bool) (b *Begun, err error) {
	defer func() { err = wrapped(err) }()
	argv, err := syscall.SlicePtrFromStrings(append([]string{name}, args...))
	if err != nil {
		return nil, fmt.Errorf("an argument holds a NUL byte: %w", err)
	}
	c := &child{
		path: cString("/proc/self/exe\x00"), root: cString("/\x00"),
		argv: uintptr(unsafe.Pointer(unsafe.SliceData(argv))),
		env:  uintptr(unsafe.Pointer(&noEnv)),
		drop: !nsenter.Powerless(),
	}
	if c.drop {
		if err := nsenter.MayDrop(); err != nil {
			return nil, err
		}
	}

	// The child's descriptors end below floor, and what it copies them from starts there, so that none
	// is overwritten before it is copied.
	floor := FirstFile + len(files)
	var from []int
	defer func() {
		for _, fd := range from {
			unix.Close(fd)
		}
	}()
	keep := func(fd int) error {
		n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, floor)
		if err == nil {
			from = append(from, n)
		}
		return os.NewSyscallError("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	defer unix.Close(null)
	for range FirstFile {
		if err := keep(null); err != nil {
			return nil, err
		}
	}
	for _, f := range files {
		if err := keep(int(f.Fd())); err != nil {
			return nil, err
		}
	}
	c.files, c.count = uintptr(unsafe.Pointer(unsafe.SliceData(from))), len(from)

	var others []int
	if !closeRange || unix.CloseRange(^uint(0)>>1, ^uint(0)>>1, 0) == unix.ENOSYS {
		if others, err = descriptors(floor); err != nil {
			return nil, err
		}
		c.others, c.othersCount = uintptr(unsafe.Pointer(unsafe.SliceData(others))), len(others)
	}

	if err := c.fork(); err != nil {
		return nil, err
	}
	return &Begun{c, argv, from, others}, nil
}

// descriptors lists this process's open descriptors from floor up.
func descriptors(floor int) ([]int, error) {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []int
	for _, name := range names {
		n := 0
		if _, err := fmt.Sscan(name, &n); err == nil && n >= floor {
			out = append(out, n)
		}
	}
	return out, nil
}

var noEnv uintptr // envp of an empty environment: just the terminating null

func cString(s string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(s))) }
