package nsenter

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// UnshareMounts gives the calling thread a mount namespace of its own: a copy of the current one, in
// which the thread's root and working directory are the same places (namespaces(7), unshare(2)). The
// cost grows with the number of mounts. Shared mounts stay in their peer groups, so that a mount made
// on one of them is seen outside too until its propagation is changed.
//
// It needs CAP_SYS_ADMIN in the user namespace, which it raises as [WithSysAdmin] does. The error is a
// [*os.SyscallError]: EPERM without the capability (or from a seccomp filter), ENOSPC past
// /proc/sys/user/max_mnt_namespaces, ENOMEM.
func UnshareMounts() error {
	runtime.LockOSThread()
	return WithSysAdmin(func() error {
		for {
			switch err := unix.Unshare(unix.CLONE_NEWNS); err {
			case nil:
				return nil
			case unix.EINTR:
			default:
				return os.NewSyscallError("unshare(CLONE_NEWNS)", err)
			}
		}
	})
}

// JoinMounts moves the calling thread into the mount namespace ns, an open /proc/PID/ns/mnt. Its root
// and working directory become the namespace's root (setns(2)).
//
// setns(2) refuses a thread that shares its root and working directory with others, as Go's threads
// do, so these are unshared first. It needs CAP_SYS_ADMIN in the user namespace that owns ns and, as
// well as CAP_SYS_CHROOT, in the caller's own.
func JoinMounts(ns *os.File) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return os.NewSyscallError("unshare(CLONE_FS)", err)
	}
	return os.NewSyscallError("setns(CLONE_NEWNS)", unix.Setns(int(ns.Fd()), unix.CLONE_NEWNS))
}

// JoinRoot makes a folder the calling thread's root and working directory (chroot(2)). It may be an open
// /proc/PID/root of a process in the namespace that [JoinMounts] has joined, which may be in a chroot.
func JoinRoot(root *os.File) error {
	if err := unix.Fchdir(int(root.Fd())); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	return os.NewSyscallError("chroot", unix.Chroot("."))
}

// MountNamespace returns the inode number that names the calling thread's mount namespace, as in
// mnt:[4026531841] (namespaces(7)).
func MountNamespace() (uint64, error) { return Inode("/proc/thread-self/ns/mnt") }

// Inode returns the inode number that names the namespace which a link such as /proc/PID/ns/mnt leads to.
// Another process's needs the right to trace it (ptrace(2), PTRACE_MODE_READ_FSCREDS).
func Inode(link string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Stat(link, &st); err != nil {
		return 0, &os.PathError{Op: "stat", Path: link, Err: err}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(link, &fs); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: link, Err: err}
	}
	if fs.Type != unix.NSFS_MAGIC {
		return 0, fmt.Errorf("%s does not lead to a namespace", link)
	}
	return st.Ino, nil
}

// MountNS names a mount namespace.
type MountNS struct {
	// Inode is the number in mnt:[4026531841] (namespaces(7)). It is another's as soon as the namespace is gone.
	Inode uint64
	// ID is no other's until the next boot. It is 0 on kernels before 6.11, which tell none (NS_GET_MNTNS_ID).
	ID uint64
}

// MountNSAt returns which mount namespace a link such as /proc/PID/ns/mnt leads to, by the right of [Inode].
func MountNSAt(link string) (MountNS, error) {
	fd, err := unix.Open(link, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return MountNS{}, &os.PathError{Op: "open", Path: link, Err: err}
	}
	defer unix.Close(fd)
	var ns MountNS
	if ns.Inode, err = Inode("/proc/self/fd/" + strconv.Itoa(fd)); err != nil {
		return MountNS{}, err
	}
	const getMountNSID = 0x8008b705 // NS_GET_MNTNS_ID in include/uapi/linux/nsfs.h
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), getMountNSID, uintptr(unsafe.Pointer(&ns.ID))); errno != 0 {
		ns.ID = 0
	}
	return ns, nil
}
