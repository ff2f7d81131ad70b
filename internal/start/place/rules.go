package place

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Caller is the real user of a start, who may cover what they could have filled anyway. Root may cover anything.
type Caller int

// MustOwn is the rule for a caller who has the privilege from a file capability only: the folder that is mounted, and
// the one mounted over, are the caller's own.
func (c Caller) MustOwn(f *os.File) error {
	if c == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	if int(st.Uid) != int(c) {
		return fmt.Errorf("%s belongs to uid %d and you are uid %d; worker-wrap covers only your own folders: chown it, or run as its owner",
			f.Name(), st.Uid, c)
	}
	return nil
}

// MustFill is the other half of the rule, for a folder that is mounted over: the caller must be able to create files
// there. Owning it is not enough: /proc/PID belongs to its user, and sudo trusts what it finds there.
func (c Caller) MustFill(dir *os.File) error {
	if c == 0 {
		return nil
	}
	err := unix.Faccessat(int(dir.Fd()), ".", unix.W_OK|unix.X_OK, 0)
	if err == nil {
		err = notOfKernel(dir)
	}
	if err != nil {
		return fmt.Errorf("you cannot put files in the folder %s (%w), and worker-wrap covers only folders in which you can: make it writable, or give another one", dir.Name(), err)
	}
	return nil
}

// MayGive is the rule for root, who gives a store in home to the owner of temp: home must be that user's, or root's as temp
// is. [perpid.Home] has looked at home by its path, which whoever owns a folder above could have lead elsewhere since.
func (c Caller) MayGive(home, temp *os.File) error {
	if c != 0 {
		return nil
	}
	var st [2]unix.Stat_t
	for i, f := range [...]*os.File{home, temp} {
		if err := unix.Fstat(int(f.Fd()), &st[i]); err != nil {
			return &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
		}
	}
	if st[0].Uid != st[1].Uid {
		return &fs.PathError{Op: "open", Path: home.Name(), Err: ErrExchanged}
	}
	return nil
}

// notOfKernel refuses a folder on a file system that shows the kernel's state. Even there a user may make folders, as
// in a cgroup that is delegated to them.
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
