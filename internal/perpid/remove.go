package perpid

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func magic(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(int(f.Fd())) }

// removal deletes trees without ever leaving the file system or mount they are in: a Worker may have
// left a mount in its _temp, and what is mounted there is not ours to delete.
type removal struct {
	// failed counts what could not be deleted, first is why.
	failed int
	first  error
}

func (r *removal) fail(err error) {
	if r.failed++; r.first == nil {
		r.first = err
	}
}

// remove deletes name in dir, and everything in it.
func (r *removal) remove(dir *os.File, name string) {
	at := int(dir.Fd())
	err := unix.Unlinkat(at, name, 0)
	switch err {
	case nil, unix.ENOENT:
		return
	case unix.EISDIR, unix.EPERM: // EPERM: POSIX's word for a folder; also an immutable file
	default:
		r.fail(&os.PathError{Op: "unlink", Path: dir.Name() + "/" + name, Err: err})
		return
	}
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err == nil || err == unix.ENOENT {
		return
	}
	sub, err := r.descend(dir, name)
	if err != nil {
		if err != unix.ENOENT {
			r.fail(&os.PathError{Op: "open", Path: dir.Name() + "/" + name, Err: err})
		}
		return
	}
	r.empty(sub)
	sub.Close()
	if err := unix.Unlinkat(at, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		r.fail(&os.PathError{Op: "rmdir", Path: dir.Name() + "/" + name, Err: err})
	}
}

// empty deletes what is in dir. A folder that changes while it is read may not list every name, so it is
// read again as long as that helps.
func (r *removal) empty(dir *os.File) {
	for {
		before, seen := r.failed, 0
		for {
			names, err := dir.Readdirnames(1024)
			for _, name := range names {
				r.remove(dir, name)
			}
			seen += len(names)
			if err != nil || len(names) == 0 {
				break // io.EOF; any other error shows when the folder turns out not to be empty
			}
		}
		if seen == 0 || r.failed > before {
			return
		}
		if _, err := dir.Seek(0, 0); err != nil {
			return
		}
	}
}

// descend opens a folder in dir for deleting what is in it, if it is on the same mount. A folder that
// its owner has closed to himself is opened up. Requires Linux 5.6 (openat2).
func (r *removal) descend(dir *os.File, name string) (*os.File, error) {
	sub, err := beneath(dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err == unix.EACCES {
		closed, err := beneath(dir, name, unix.O_PATH)
		if err != nil {
			return nil, err
		}
		defer closed.Close()
		if unix.Chmod(magic(closed), 0o700) != nil {
			return nil, unix.EACCES
		}
		return beneath(dir, name, unix.O_RDONLY|unix.O_NONBLOCK)
	}
	if err != nil {
		return nil, err
	}
	if unix.Faccessat(int(sub.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) != nil {
		_ = unix.Fchmod(int(sub.Fd()), 0o700) // if that is refused, the deletions say why
	}
	return sub, nil
}

// beneath opens the folder name in dir. It does not cross into another mount (EXDEV) or follow a
// symbolic link.
func beneath(dir *os.File, name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), name, &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), dir.Name()+"/"+name), nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename somewhere while the path was walked
		default:
			return nil, err
		}
	}
}
