package runner

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// InBin reports whether a path is in bin of the runner in root. It is the path by which a process was started that has the
// given folder in /proc, as that process sees it: of two containers each can have a runner of its own at one path, or both
// one runner at two. Device and inode tell. If its view is closed to the caller the path is taken for one in the caller's.
func InBin(process, path, root string) (bool, error) {
	var ours unix.Stat_t
	if err := unix.Stat(root, &ours); err != nil {
		// Not wrapped: a process that has ended, or is hidden, has errors like it, and the caller goes on to the next.
		return false, fmt.Errorf("stat %s: %v", root, err)
	}
	from, err := unix.Open(process+"/root", asFolder, 0)
	if err != nil {
		from = unix.AT_FDCWD
	}
	if !filepath.IsAbs(path) {
		if err == nil {
			unix.Close(from)
		}
		if from, err = unix.Open(process+"/cwd", asFolder, 0); err != nil {
			return false, &fs.PathError{Op: "open", Path: process + "/cwd", Err: err}
		}
	}
	if err == nil {
		defer unix.Close(from)
	}
	bin := filepath.Dir(path)
	if above := filepath.Dir(bin); bin != "." { // bin may be a link, or gone after an update
		if is, err := leadsTo(from, above, "", &ours); is || err != nil {
			return is, err
		}
	}
	return leadsTo(from, bin, "..", &ours)
}

const asFolder = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

// leadsTo reports whether a path leads to a folder, or what then lies at more does. An absolute path is followed in from,
// if that is open.
func leadsTo(from int, path, more string, want *unix.Stat_t) (bool, error) {
	fd, err := follow(from, path)
	if err != nil {
		return false, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if more != "" {
		above, err := unix.Openat(fd, more, asFolder, 0)
		if err != nil {
			return false, &fs.PathError{Op: "open", Path: filepath.Join(path, more), Err: err}
		}
		defer unix.Close(above)
		fd = above
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, os.NewSyscallError("fstat", err)
	}
	return st.Dev == want.Dev && st.Ino == want.Ino, nil
}

func follow(from int, path string) (fd int, err error) {
	if from == unix.AT_FDCWD || !filepath.IsAbs(path) {
		return unix.Openat(from, path, asFolder, 0)
	}
	how := unix.OpenHow{Flags: asFolder, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range 100 {
		switch fd, err = unix.Openat2(from, path, &how); err {
		case unix.EINTR, unix.EAGAIN: // something was renamed meanwhile (openat2(2))
		case unix.ENOSYS, unix.EPERM: // an old seccomp filter
			return unix.Openat(from, strings.TrimLeft(path, "/")+"/.", asFolder, 0)
		default:
			return fd, err
		}
	}
	return fd, err
}
