package mounts

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is one mount of the namespace: a descriptor of its root, and its id.
type mount struct {
	root     *os.File
	id       uint64
	since6_8 bool // this kernel is Linux 6.8 or newer
}

// mountOf finds the mount that target lies in. parent is the folder that target was opened from,
// needed if target is no folder.
//
// It climbs by openat(fd, "..") until statx(2) says STATX_ATTR_MOUNT_ROOT, so that no path is looked up
// again. Requires Linux 5.8 (STATX_ATTR_MOUNT_ROOT, STATX_MNT_ID), and search permission on each
// folder on the way. After chroot(2) to a folder that is no mount that way ends at the folder, whose ".." is itself.
func mountOf(target, parent *os.File) (mount, error) {
	at, err := duplicate(target)
	if err != nil {
		return mount{}, err
	}
	for below := (identity{}); ; {
		is, isDir, err := identify(at)
		switch {
		case err != nil:
		case below.mount != 0 && is.mount != below.mount:
			err = &Error{Op: "statx", Target: target.Name(), Why: "its folder is on another mount", Err: unix.EXDEV}
		case is == below && !is.isRoot:
			err = &Error{Op: "statx", Target: target.Name(), Why: "this is a chroot into a folder that is no mount: bind-mount that folder over itself before chroot", Err: unix.EINVAL}
		}
		below = is
		if err != nil || is.isRoot {
			if err != nil {
				at.Close()
				return mount{}, err
			}
			return mount{at, is.mount, is.unique}, nil
		}
		var up *os.File
		if isDir {
			up, err = openAt(at, "..", unix.O_PATH|unix.O_DIRECTORY)
		} else {
			up, err = duplicate(parent)
		}
		at.Close()
		if err != nil {
			return mount{}, err
		}
		at = up
	}
}

// file is a file, whatever mount it is seen through, and whether it is the root of that.
type file struct {
	inode        uint64
	major, minor uint32
	isRoot       bool
}

// identity is a file as it is seen through one mount.
type identity struct {
	file
	mount  uint64 // of use for comparing only
	unique bool   // the id is never used again, Linux 6.8 (STATX_MNT_ID_UNIQUE)
}

// identify says which file f is, and whether it is a folder.
func identify(f *os.File) (is identity, isDir bool, err error) {
	// Older kernels ignore the last of these, and give the id that mountinfo has.
	st, err := statx(f, unix.STATX_TYPE|unix.STATX_INO|unix.STATX_MNT_ID|unix.STATX_MNT_ID_UNIQUE)
	if err == nil && st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		err = &Error{Op: "statx", Target: f.Name(), Flags: "STATX_ATTR_MOUNT_ROOT", Why: "needs Linux 5.8", Err: unix.ENOSYS}
	}
	is = identity{file{st.Ino, st.Dev_major, st.Dev_minor, st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0}, st.Mnt_id, st.Mask&unix.STATX_MNT_ID_UNIQUE != 0}
	return is, st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// statx returns what mask asks for, and perhaps more.
func statx(f *os.File, mask int) (st unix.Statx_t, err error) {
	err = retry(func() error {
		return unix.Statx(fd(f), "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, mask, &st)
	})
	if err != nil {
		err = &Error{Op: "statx", Target: f.Name(), Err: err}
	}
	return st, err
}

// isShared reports whether the mount with this root is in a peer group. It reads mountinfo, whose length grows with the
// number of mounts.
func isShared(root *os.File) (bool, error) {
	st, err := statx(root, unix.STATX_MNT_ID)
	if err != nil {
		return false, err
	}
	info, err := os.ReadFile("/proc/thread-self/mountinfo")
	id := strconv.FormatUint(st.Mnt_id, 10)
	for line := range strings.Lines(string(info)) {
		if before, _, _ := strings.Cut(line, " - "); strings.HasPrefix(before, id+" ") {
			return strings.Contains(before, " shared:"), err
		}
	}
	return false, err
}

func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	var n int
	err := retry(func() (err error) {
		n, err = unix.Openat(fd(dir), name, flags|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, &Error{Op: "openat", Target: dir.Name() + "/" + name, Err: err}
	}
	return os.NewFile(uintptr(n), dir.Name()+"/"+name), nil
}

func duplicate(f *os.File) (*os.File, error) {
	if f == nil {
		return nil, &Error{Op: "dup", Why: "Parent is nil, and Target is not a folder", Err: unix.EBADF}
	}
	n, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{Op: "dup", Target: f.Name(), Err: err}
	}
	return os.NewFile(uintptr(n), f.Name()), nil
}
