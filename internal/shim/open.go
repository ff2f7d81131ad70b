package shim

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// openPath opens a folder as a place, with no right to it needed.
func openPath(path string) (*os.File, error) {
	return openAt(nil, path, unix.O_PATH|unix.O_DIRECTORY)
}

// openAt opens what a path leads to, but not through a link of /proc such as /proc/PID/root: that may lead into
// another mount namespace, whose mounts are not this start's to change. The kernel sees to it for most of what is
// done with them, but not for mount(2) with MS_SLAVE, before a fix of 2025 (CVE-2025-38498). Without openat2, as
// under an old seccomp filter, it opens that too.
func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	at, path := unix.AT_FDCWD, name
	if dir != nil {
		at, path = int(dir.Fd()), filepath.Join(dir.Name(), name)
	}
	how := unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Resolve: unix.RESOLVE_NO_MAGICLINKS}
	for {
		fd, err := unix.Openat2(at, name, &how)
		if err == unix.ENOSYS || err == unix.EPERM {
			fd, err = unix.Openat(at, name, flags|unix.O_CLOEXEC, 0)
		}
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR:
		case unix.ELOOP:
			return nil, fmt.Errorf("open %s: %w, or one of /proc that may lead to another mount namespace; give the path itself", path, err)
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
}
