package shim

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// mine is the rule for a caller who is not root and has the privilege from a file capability: only his
// own folders may be mounted, and mounted over, since he could have put anything in them anyway.
func (r *run) mine(f *os.File) error {
	if r.uid == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if int(st.Uid) != r.uid {
		return fmt.Errorf("%s belongs to uid %d and you are uid %d; only its owner or root may have another folder mounted over it: chown it, or run as its owner",
			f.Name(), st.Uid, r.uid)
	}
	return nil
}

// fillable is the other half of the rule, for a folder that is mounted over: he could have put anything in it. The
// kernel makes folders that are his and no place of his, as /proc/PID, where sudo looks up when a session began.
func (r *run) fillable(dir *os.File) error {
	if r.uid == 0 {
		return nil
	}
	err := unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, 0)
	if err == nil {
		err = notOfKernel(dir)
	}
	if err != nil {
		return fmt.Errorf("%s is no folder that you can put files in (%w); only in such a one may another be mounted over it: make it writable, or give another one", dir.Name(), err)
	}
	return nil
}

// notOfKernel refuses a folder on a file system in which what is there is the kernel's word, also where the kernel
// lets a user make folders, as in a cgroup that is delegated to him.
func notOfKernel(dir *os.File) error {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(dir.Fd()), &st); err != nil {
		return &fs.PathError{Op: "statfs", Path: dir.Name(), Err: err}
	}
	switch uint32(st.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.BPF_FS_MAGIC, unix.TRACEFS_MAGIC, unix.DEBUGFS_MAGIC, unix.SECURITYFS_MAGIC,
		unix.RDTGROUP_SUPER_MAGIC, unix.DEVPTS_SUPER_MAGIC, configfsMagic:
		return fmt.Errorf("its file system shows the kernel's state")
	}
	return nil
}

const configfsMagic = 0x62656570 // fs/configfs/mount.c
