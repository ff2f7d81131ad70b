package program

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// FileCapability is what an installed worker-wrap has, as setcap(8) takes it: permitted only, so that it can be run
// everywhere.
const FileCapability = "cap_sys_admin=p"

// SysAdmin is CAP_SYS_ADMIN in a mask of capabilities.
const SysAdmin = uint64(1) << unix.CAP_SYS_ADMIN

// Binary is an installed worker-wrap.
type Binary struct {
	Path     string // links resolved; "" if there is none
	FileCaps bool   // it has file capabilities at all
	SysAdmin bool   // they grant CAP_SYS_ADMIN
	// AllOrNothing is true if they have the effective flag, as worker-wrap's own once had: the kernel refuses to
	// run such a file wherever one of its capabilities cannot be granted (capabilities(7)).
	AllOrNothing bool
	Nosuid       bool // its file system is mounted nosuid, so file capabilities count for nothing
	Noexec       bool
	SetID        bool // set-user-ID or set-group-ID
	UID          int
	Mode         fs.FileMode
	WritableBy   string // a path on the way to it that not only root can change, "" if there is none
}

// BinaryAt looks at the program that path leads to. Path is "" in the answer if there is none.
func BinaryAt(path string) Binary {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Binary{}
	}
	st, err := os.Stat(real)
	if err != nil || !st.Mode().IsRegular() {
		return Binary{}
	}
	b := Binary{Path: real, Mode: st.Mode().Perm(), UID: int(st.Sys().(*syscall.Stat_t).Uid)}
	b.SetID = st.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0
	var vfs unix.Statfs_t
	if unix.Statfs(real, &vfs) == nil {
		b.Nosuid = vfs.Flags&unix.ST_NOSUID != 0
		b.Noexec = vfs.Flags&unix.ST_NOEXEC != 0
	}
	data := make([]byte, 64)
	if n, err := unix.Getxattr(real, "security.capability", data); err == nil {
		b.FileCaps = true
		b.SysAdmin, b.AllOrNothing = grantsSysAdmin(data[:n])
	}
	b.WritableBy = writableBy(real)
	return b
}

// grantsSysAdmin reads a security.capability attribute (struct vfs_cap_data, linux/capability.h):
// magic and flags, then permitted and inheritable masks, all 32-bit little-endian. The kernel shows one of revision 3,
// which has a root's id too, only where that is the root of another user namespace; it grants nothing in this one.
func grantsSysAdmin(data []byte) (grants, allOrNothing bool) {
	const effective = 1 // VFS_CAP_FLAGS_EFFECTIVE
	const revision2, size2 = 2, 20
	if len(data) != size2 || data[3] != revision2 {
		return false, false
	}
	magic := binary.LittleEndian.Uint32(data)
	permitted := binary.LittleEndian.Uint32(data[4:])
	return uint64(permitted)&SysAdmin != 0, magic&effective != 0
}

// writableBy returns the first part of a path that somebody but root can change.
func writableBy(path string) string {
	for {
		var st unix.Stat_t
		if unix.Lstat(path, &st) != nil {
			return ""
		}
		sticky := st.Mode&unix.S_IFMT == unix.S_IFDIR && st.Mode&unix.S_ISVTX != 0
		if st.Uid != 0 || st.Mode&0o002 != 0 && !sticky || st.Mode&0o020 != 0 && st.Gid != 0 && !sticky {
			return path
		}
		if path == "/" {
			return ""
		}
		path = filepath.Dir(path)
	}
}
