package mounts

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// uncovered makes sure that nothing is mounted over b's target. The target was opened before the mount that it lies in
// left its peer group, so what was mounted on the host since then may have arrived over it; and both move_mount(2) and
// mount(2) lay a mount on whatever lies there (lock_mount, fs/namespace.c). That one is in a peer group with the
// host's, and the bind would be seen there. From now on nothing arrives any more.
//
// A mount over a folder can be seen only from outside, by its name. The error wraps [os.ErrNotExist], as it does where
// the name is gone or leads elsewhere. It needs /proc.
func uncovered(b Mount) error {
	path, err := os.Readlink(magic(b.Target))
	if err != nil {
		return err
	}
	target, isDir, err := identify(b.Target)
	if err != nil {
		return err
	}
	parent := b.Parent
	if isDir {
		if parent, err = openAt(b.Target, "..", unix.O_PATH|unix.O_DIRECTORY); err != nil {
			return err
		}
		defer parent.Close()
	}
	there, err := openAt(parent, filepath.Base(path), unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer there.Close()
	is, _, err := identify(there)
	if err == nil && is != target {
		err = &Error{Op: "move_mount", Target: b.Target.Name(), Flags: "something was mounted over it just now, or it was exchanged", Err: unix.ENOENT}
	}
	return err
}

// identity is a file as it is seen through one mount.
type identity struct {
	mount, inode uint64
	major, minor uint32
}

func identify(f *os.File) (is identity, isDir bool, err error) {
	st, err := statx(f)
	return identity{st.Mnt_id, st.Ino, st.Dev_major, st.Dev_minor}, st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}
