package untrusted

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

var errNotRegular = errors.New("not a regular file")

// Open opens the file that path leads to for reading. Nothing but a regular file is opened, even if path leads
// elsewhere from one moment to the next, and nothing is waited for: a file with a lease is an error.
func Open(path string) (*os.File, error) {
	fd, err := open(path)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// open first takes hold of what is there, which does nothing to it (open(2), O_PATH), and looks at that. Only
// /proc can open it then. A process that has none opens the path once more.
func open(path string) (int, error) {
	fail := func(err error) (int, error) { return -1, &fs.PathError{Op: "open", Path: path, Err: err} }
	held, err := openat(unix.AT_FDCWD, path, unix.O_PATH)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(held)
	if err := check(held); err != nil {
		return fail(err)
	}
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
	fd, err := openat(unix.AT_FDCWD, byFD(held), flags)
	if err == unix.ENOENT {
		if fd, err = openat(unix.AT_FDCWD, path, flags); err == nil {
			if err = check(fd); err != nil {
				unix.Close(fd)
			}
		}
	}
	if err != nil {
		return fail(err)
	}
	return fd, nil
}

// Through returns a path that leads to the file open as f, whatever f's name leads to by now (proc_pid_fd(5)). It is
// for system calls that take no descriptor, or none that open(2) has made with O_PATH.
func Through(f *os.File) string { return byFD(int(f.Fd())) }

func byFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func openat(dir int, path string, flags int) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func check(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return errNotRegular
	}
	return nil
}

// Text returns as much of a file as a setting or a unit can have, 64 KiB, and "" if it cannot be read.
func Text(path string) string {
	data, err := Head(path, 64<<10)
	if err != nil {
		return ""
	}
	return string(data)
}

// Head returns the first n bytes of the file that path leads to, or all if it has fewer. It opens it as [Open] does,
// and does without an [os.File]: that sets up the runtime's poller, and each job's start reads a file so.
func Head(path string, n int) ([]byte, error) {
	fd, err := open(path)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	data := make([]byte, 0, min(n, 1024))
	for len(data) < n {
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
		got, err := unix.Read(fd, data[len(data):min(cap(data), n)])
		switch {
		case err == unix.EINTR:
		case err != nil:
			return nil, &fs.PathError{Op: "read", Path: path, Err: err}
		case got == 0:
			return data, nil
		default:
			data = data[:len(data)+got]
		}
	}
	return data, nil
}
