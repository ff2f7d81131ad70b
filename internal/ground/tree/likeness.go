package tree

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// accessLists are the extended attributes that hold POSIX access control lists (acl(5), xattr(7)).
var accessLists = [...]string{"system.posix_acl_access", "system.posix_acl_default"}

// Liken gives dir, new and empty, the owner, group, mode and access control lists of temp; like is what temp's stat
// says. A part that is right already is left alone: each change is a transaction of the file system, and a Worker waits
// for it.
func Liken(dir, temp *os.File, like fs.FileInfo) error {
	if err := Own(dir, like); err != nil {
		return err
	}
	// Chmod after chown, which clears set-group-ID, and before the lists, one of which holds the group bits.
	mode := like.Sys().(*syscall.Stat_t).Mode & 0o7777
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: dir.Name(), Err: err}
	}
	if st.Mode&0o7777 != mode {
		if err := unix.Fchmod(int(dir.Fd()), mode); err != nil {
			return &fs.PathError{Op: "chmod", Path: dir.Name(), Err: err}
		}
	}
	for _, name := range accessLists {
		if err := copyList(dir, temp, name); err != nil {
			return err
		}
	}
	return nil
}

// Own gives f the owner and group of like. An ordinary user can set only groups that are their own; a
// _temp of another group is then matched as far as a folder that the user makes can be.
func Own(f *os.File, like fs.FileInfo) error {
	var is unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &is); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	want := like.Sys().(*syscall.Stat_t)
	if is.Uid == want.Uid && is.Gid == want.Gid {
		return nil
	}
	err := error(unix.EPERM)
	if nsenter.MayChown() {
		err = unix.Fchown(int(f.Fd()), int(want.Uid), int(want.Gid))
	}
	if (err == unix.EPERM || err == unix.EINVAL) && is.Uid == want.Uid { // EINVAL: not in this user namespace
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "chown", Path: f.Name(), Err: err}
	}
	return nil
}

// copyList copies one access control list from temp to dir, or removes dir's if temp has none: the store may hand a
// default list down.
func copyList(dir, temp *os.File, name string) error {
	var buf [1024]byte
	value := buf[:]
	n, err := getxattr(temp, name, value)
	if err == unix.ERANGE {
		value = make([]byte, 64<<10) // XATTR_SIZE_MAX
		n, err = getxattr(temp, name, value)
	}
	switch err {
	case nil:
		err = unix.Fsetxattr(int(dir.Fd()), name, value[:n], 0)
	case unix.ENODATA:
		if _, err = unix.Fgetxattr(int(dir.Fd()), name, nil); err == nil {
			err = unix.Fremovexattr(int(dir.Fd()), name)
		}
		if err == unix.ENODATA {
			err = nil
		}
	}
	if err == unix.EOPNOTSUPP { // no lists on this file system
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "copy " + name + " of " + temp.Name() + " to", Path: dir.Name(), Err: err}
	}
	return nil
}

// getxattr goes through /proc, as fgetxattr(2) does not take an O_PATH descriptor.
func getxattr(f *os.File, name string, value []byte) (int, error) {
	return unix.Getxattr(untrusted.Through(f), name, value)
}
