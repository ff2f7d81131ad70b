package mounts

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// retry runs a system call again while a signal interrupts it.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

func fd(f *os.File) int { return int(f.Fd()) }

// magic returns the path that leads to exactly what f has open (proc_pid_fd(5)).
func magic(f *os.File) string { return "/proc/self/fd/" + strconv.Itoa(fd(f)) }

// openTree clones the mount that f lies in, with f as its root, mounted nowhere. The clone is in the
// same peer group. With unix.AT_RECURSIVE in flags it has what is mounted below f. A clone that others will see needs
// that, or it shows what those mounts hide. Requires Linux 5.2 (open_tree).
func openTree(f *os.File, flags uint) (*os.File, error) {
	var n int
	err := retry(func() (err error) {
		n, err = unix.OpenTree(fd(f), "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|flags)
		return err
	})
	if err != nil {
		return nil, &Error{Op: "open_tree", Target: f.Name(), Flags: "OPEN_TREE_CLONE", Err: err}
	}
	return os.NewFile(uintptr(n), f.Name()), nil
}

// moveMount attaches the mount that tree is the root of at target. Requires Linux 5.2 (move_mount).
func moveMount(tree, target *os.File) error {
	err := retry(func() error {
		return unix.MoveMount(fd(tree), "", fd(target), "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	})
	if err != nil {
		return &Error{Op: "move_mount", Source: tree.Name(), Target: target.Name(), Err: err}
	}
	return nil
}

// setGroup puts the private mount to into the peer group, or under the master, that from has.
// Requires Linux 5.15 (MOVE_MOUNT_SET_GROUP, commit 9ffb14ef61ba).
func setGroup(from, to *os.File) error {
	return retry(func() error {
		return unix.MoveMount(fd(from), "", fd(to), "",
			unix.MOVE_MOUNT_SET_GROUP|unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	})
}

// bindMount lays source over target by mount(2).
func bindMount(source, target *os.File, flags uintptr) error {
	err := retry(func() error { return unix.Mount(magic(source), magic(target), "", flags, "") })
	if err != nil {
		name := "MS_BIND"
		if flags&unix.MS_REC != 0 {
			name += "|MS_REC"
		}
		return &Error{Op: "mount", Source: source.Name(), Target: target.Name(), Flags: name, Err: err}
	}
	return nil
}

// denied reports whether a call is missing, or denied by a seccomp filter or a security module. Such a call may be
// denied with any errno, but these are what is used: ENOSYS or EPERM by filters, EACCES by AppArmor and SELinux.
func denied(err error) bool {
	return errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES)
}

var propagationNames = map[uint64]string{
	unix.MS_PRIVATE: "MS_PRIVATE", unix.MS_SLAVE: "MS_SLAVE", unix.MS_SHARED: "MS_SHARED",
	unix.MS_REC | unix.MS_PRIVATE: "MS_REC|MS_PRIVATE",
}

// setPropagation changes how the one mount that root is the root of propagates: unix.MS_PRIVATE, unix.MS_SLAVE or
// unix.MS_SHARED. With unix.MS_REC those below it are changed too. Requires Linux 5.12 (mount_setattr); falls back to mount(2) through /proc/self/fd,
// also if the newer call is denied.
func setPropagation(root *os.File, propagation uint64, avoid Features) error {
	name := propagationNames[propagation]
	if avoid&MountSetattr == 0 {
		flags := uint(unix.AT_EMPTY_PATH)
		if propagation&unix.MS_REC != 0 {
			flags |= unix.AT_RECURSIVE
		}
		err := retry(func() error {
			return unix.MountSetattr(fd(root), "", flags, &unix.MountAttr{Propagation: propagation &^ unix.MS_REC})
		})
		if err == nil {
			return nil
		}
		if !denied(err) {
			return &Error{Op: "mount_setattr", Target: root.Name(), Flags: name, Err: err}
		}
	}
	err := retry(func() error { return unix.Mount("", magic(root), "", uintptr(propagation), "") })
	if err != nil {
		return &Error{Op: "mount", Target: root.Name(), Flags: name, Err: err}
	}
	return nil
}
