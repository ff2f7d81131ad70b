package survey

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Folder is a folder and the file system it is on.
type Folder struct {
	Path     string
	Exists   bool
	Link     bool // the path itself is a symbolic link
	LinkUID  int  // whose that is
	Other    bool // something else than a folder is there, or a link that leads to none
	UID      int
	Mode     fs.FileMode
	FS       string // type of the file system it is on, or would be made on: "ext4", "0x1234" if unknown
	ReadOnly bool
}

// FolderAt looks at a folder or, if it is missing, at the nearest one above it.
func FolderAt(path string) Folder {
	f := Folder{Path: path}
	var st unix.Stat_t
	if unix.Stat(path, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
		f.Exists, f.UID, f.Mode = true, int(st.Uid), fs.FileMode(st.Mode&0o7777)
	}
	if unix.Lstat(path, &st) == nil {
		f.Link, f.LinkUID = st.Mode&unix.S_IFMT == unix.S_IFLNK, int(st.Uid)
		f.Other = !f.Exists && (!f.Link || dangling(path))
	}
	var vfs unix.Statfs_t
	for at := path; ; at = filepath.Dir(at) {
		err := unix.Statfs(at, &vfs)
		if err == nil {
			f.FS, f.ReadOnly = fsName(int64(vfs.Type)), vfs.Flags&unix.ST_RDONLY != 0
			return f
		}
		if !errors.Is(err, unix.ENOENT) || at == filepath.Dir(at) {
			return f
		}
	}
}

// UnmadeError says that a runner's work folder is missing, and that its user cannot make it.
type UnmadeError struct {
	Path, User string
	Above      Folder // what is there on the way to it
}

func (e *UnmadeError) Error() string {
	why, make := "is no folder", "have "+visible.Word(e.Above.Path)+" be one"
	if e.Above.Exists {
		why = fmt.Sprintf("belongs to uid %d and has mode %04o", e.Above.UID, uint32(e.Above.Mode))
		make = "sudo install -d -o " + visible.Word(e.User) + " " + visible.Word(e.Path)
	}
	return fmt.Sprintf("%s does not exist, and %s cannot make it, as %s %s: mount the file system that it is on; if there is none, %s", e.Path, e.User, e.Above.Path, why, make)
}

// Unmade returns an [UnmadeError] if a runner's work folder is missing, and the user who is to make it cannot, as far as
// modes tell. unit is what starts the runner: it may have another view, or systemd make the folder.
func Unmade(l runner.Layout, uid int, unit *systemd.Unit) error {
	_, bound := unit.Source(l.Work)
	if _, err := os.Lstat(l.Work); l.Guessed || bound || unit.Makes(l.Work) || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	at := l.Work
	for missing := true; missing; {
		at = filepath.Dir(at)
		_, err := os.Lstat(at)
		missing = err != nil && at != "/"
	}
	above := FolderAt(at)
	if above.Exists && !users.SurelyClosedTo(at, uid) {
		return nil
	}
	return &UnmadeError{l.Work, users.Name(uid), above}
}

func dangling(path string) bool {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}

// fsName names a file system by its magic number (statfs(2), linux/magic.h).
func fsName(magic int64) string {
	switch uint32(magic) {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.F2FS_SUPER_MAGIC:
		return "f2fs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case 0x2fc12fc1:
		return "zfs"
	case 0xca451a4e:
		return "bcachefs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlay"
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "cifs"
	case unix.V9FS_MAGIC:
		return "9p"
	case unix.CEPH_SUPER_MAGIC:
		return "ceph"
	case unix.FUSE_SUPER_MAGIC:
		return "fuse"
	case unix.MSDOS_SUPER_MAGIC:
		return "vfat"
	case unix.EXFAT_SUPER_MAGIC:
		return "exfat"
	case 0x5346544e, 0x7366746e:
		return "ntfs"
	case unix.ECRYPTFS_SUPER_MAGIC:
		return "ecryptfs"
	case unix.SQUASHFS_MAGIC:
		return "squashfs"
	}
	return fmt.Sprintf("0x%x", uint32(magic))
}

// Leftovers has the contents of a runner's stores of private folders.
type Leftovers struct {
	Store       Folder // the one that starts use
	Elsewhere   bool   // that is on another file system than _temp
	Living      int
	Dead        int   // to be swept by the next start
	Undeletable int   // a sweep could not delete them
	Unknown     int   // the owner cannot be judged from here
	Bytes       int64 // on disk, of the dead and undeletable ones
	Partial     bool  // Bytes is a lower bound
	Err         error // why a store could not be read, nil if there is none
}

// measured bounds how many files are looked at for a size.
const measured = 100_000

// LeftoversAt looks into the stores of a runner.
func LeftoversAt(layout runner.Layout) Leftovers {
	home, same := perpid.Home(layout.Root, layout.Temp)
	l := Leftovers{Store: FolderAt(filepath.Join(home, perpid.StoreName)), Elsewhere: !same}
	self, err := perpid.Self()
	for _, path := range perpid.Paths(layout.Root, layout.Temp) {
		if err == nil {
			err = l.add(path, self)
		}
	}
	l.Err = err
	return l
}

// add counts what is in one store.
func (l *Leftovers) add(path string, self perpid.Owner) error {
	store, err := perpid.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer store.Close()
	entries, err := store.List(perpid.NewJudge(self, store.Remote()))
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.Undeletable:
			l.Undeletable++
		case e.Verdict == perpid.Dead:
			l.Dead++
		case e.Verdict == perpid.Living:
			if e.What == "" {
				l.Living++
			}
			continue
		default:
			l.Unknown++
			continue
		}
		u := tree.Measure(e.Path, measured)
		l.Bytes += u.Bytes
		l.Partial = l.Partial || u.Partial
	}
	return nil
}
