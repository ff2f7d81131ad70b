package untrusted

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// At opens what a name leads to in the open folder dir, or, if that is nil, what a path leads to. It follows no link of
// /proc such as /proc/PID/root: that may lead into another mount namespace, or to a file system that is mounted in
// none. The kernel lets nobody mount there, with two exceptions: mount(2) with MS_SLAVE, before a fix of 2025
// (CVE-2025-38498), and what open_tree(2) takes from file systems that are mounted nowhere. Without openat2 (Linux
// 5.6), as under an old seccomp filter, it opens that too.
func At(dir *os.File, name string, flags int) (*os.File, error) {
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
