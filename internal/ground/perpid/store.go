package perpid

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	// StoreName is the folder that holds the private folders: see [Home] for where it lies.
	StoreName = ".worker-wrap"
	// deadPrefix marks what is being deleted, keptPrefix what could not be. Both are renamed in place,
	// since moving a folder to another needs more rights than renaming it (rename(2), EACCES).
	deadPrefix = "dead."
	keptPrefix = "undeletable."
	// storeMode lets every user through to a private folder, whose own mode is that of _temp, and only
	// the runner's user list them.
	storeMode = 0o711
	// mostFolders is how many folders one owner can have.
	mostFolders = 64
)

// Store is an open .worker-wrap.
type Store struct {
	dir  *os.File
	path string
}

// Open opens the store at path; the error wraps [fs.ErrNotExist] if there is none. A symbolic link in its place is
// refused.
func Open(path string) (*Store, error) { return open(nil, path) }

// OpenIn opens the store in work, an open work folder, wherever the path that work was opened by leads by now.
func OpenIn(work *os.File) (*Store, error) { return open(work, StoreName) }

func open(work *os.File, name string) (*Store, error) {
	dir, err := openDir(work, name)
	if err != nil {
		return nil, err
	}
	return &Store{dir, dir.Name()}, nil
}

// Make opens the store in work, an open work folder, and makes it if it is missing. It belongs to the owner and group
// of like, the _temp in that folder. One that belongs to somebody else than that owner, the caller or root is refused:
// its owner can exchange what a Worker keeps there. In a folder in which anybody may make folders, such as /tmp,
// anybody may have made it.
func Make(work *os.File, like fs.FileInfo) (*Store, error) {
	s, err := OpenIn(work)
	made := false
	if errors.Is(err, fs.ErrNotExist) {
		switch err := unix.Mkdirat(int(work.Fd()), StoreName, 0o700); err {
		case nil:
			made = true
		case unix.EEXIST: // another start was faster, and gives it away
		default:
			return nil, &fs.PathError{Op: "mkdir", Path: filepath.Join(work.Name(), StoreName), Err: err}
		}
		s, err = OpenIn(work)
	}
	if err != nil {
		return nil, err
	}
	err = s.trusted(like)
	if err == nil && made {
		err = s.give(like)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// give makes a store that was just made what it is to be.
func (s *Store) give(like fs.FileInfo) error {
	if err := s.untouched(s.dir, like); err != nil {
		return err
	}
	if err := tree.Own(s.dir, like); err != nil {
		return err
	}
	return s.dir.Chmod(storeMode)
}

// trusted is the rule of [Make] for whom a store may belong to.
func (s *Store) trusted(like fs.FileInfo) error {
	var st unix.Stat_t
	if err := unix.Fstat(s.fd(), &st); err != nil {
		return &fs.PathError{Op: "stat", Path: s.path, Err: err}
	}
	owner := like.Sys().(*syscall.Stat_t).Uid
	if mayHave(st.Uid, owner) {
		return nil
	}
	return fmt.Errorf("%s belongs to uid %d, who could change what a job finds there; remove it, or chown it to uid %d", s.path, st.Uid, owner)
}

// mayHave reports whether a store for what is owner's may be uid's.
func mayHave(uid, owner uint32) bool { return uid == owner || uid == 0 || int(uid) == unix.Geteuid() }

// Close closes the store.
func (s *Store) Close() error { return s.dir.Close() }

// Create makes a folder of owner's, with the owner, group, mode and access control lists of temp, and
// returns it open. It is always fresh: whatever has its name already stays as it is, as long as the owner
// lives, and the folder gets the next one. It can be what the same process has laid over another _temp,
// before it became this program once more.
func (s *Store) Create(owner Owner, temp *os.File) (*os.File, error) {
	like, err := temp.Stat()
	if err != nil {
		return nil, err
	}
	mode := like.Sys().(*syscall.Stat_t).Mode & 0o777
	name := ""
	for n := 1; ; n++ {
		if n > mostFolders {
			return nil, fmt.Errorf("%s: there are %d entries already for process %d; remove those that it does not use", s.path, mostFolders, owner.PID)
		}
		name = owner.folder(n)
		err := unix.Mkdirat(s.fd(), name, mode) // mostly right at once; Liken sees to the rest
		if err == nil {
			break
		}
		if err != unix.EEXIST {
			return nil, &fs.PathError{Op: "mkdir", Path: filepath.Join(s.path, name), Err: err}
		}
	}
	dir, err := openDir(s.dir, name)
	if err != nil {
		return nil, err
	}
	err = s.untouched(dir, like)
	if err == nil {
		err = tree.Liken(dir, temp, like)
	}
	if err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// untouched makes sure, before the folder is given to another user, that it is the one that was just made: that user
// owns the store, and could have put another folder of root's in its place, to be given what is in there.
func (s *Store) untouched(dir *os.File, like fs.FileInfo) error {
	if int(like.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() {
		return nil
	}
	names, err := dir.Readdirnames(1)
	if len(names) > 0 {
		return fmt.Errorf("%s was replaced by another folder while it was made; start again", dir.Name())
	}
	if err != io.EOF {
		return err
	}
	_, err = dir.Seek(0, io.SeekStart)
	return err
}

// Bare returns the name that an entry had before a sweep renamed it.
func Bare(name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, deadPrefix), keptPrefix)
}

// rename gives an entry another prefix, and returns its new name, or "" if it is gone: another sweeper took it.
func (s *Store) rename(name, prefix string) (string, error) {
	bare := Bare(name)
	for n := range 1 << 16 {
		to := prefix + bare
		if n > 0 {
			to = fmt.Sprintf("%s%s.%d", prefix, bare, n)
		}
		err := unix.Renameat2(s.fd(), name, s.fd(), to, unix.RENAME_NOREPLACE)
		if err == unix.EINVAL { // a file system without RENAME_NOREPLACE; replacing an empty folder does no harm
			err = unix.Renameat(s.fd(), name, s.fd(), to)
		}
		switch err {
		case nil:
			return to, nil
		case unix.EEXIST, unix.ENOTEMPTY:
			continue
		case unix.ENOENT:
			return "", nil
		}
		return "", &fs.PathError{Op: "rename", Path: filepath.Join(s.path, name), Err: err}
	}
	return "", fmt.Errorf("%s: too many entries named %s%s.*; delete them", s.path, prefix, bare)
}

// Remote reports whether the store is on a file system that other machines may share (statfs(2)).
func (s *Store) Remote() bool {
	var st unix.Statfs_t
	if unix.Fstatfs(s.fd(), &st) != nil {
		return true
	}
	switch uint32(st.Type) {
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.CEPH_SUPER_MAGIC, unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC, unix.CODA_SUPER_MAGIC,
		unix.FUSE_SUPER_MAGIC, // sshfs, virtiofs, GlusterFS and others
		unix.OCFS2_SUPER_MAGIC, gfs2Magic, lustreMagic:
		return true
	}
	return false
}

const (
	gfs2Magic   = 0x01161970 // include/uapi/linux/gfs2_ondisk.h
	lustreMagic = 0x0BD00BD0 // lustre/include/uapi/linux/lustre
)

func (s *Store) fd() int { return int(s.dir.Fd()) }

// openDir opens a folder for reading, below dir or, if dir is nil, by path. The last part of the name must not be a
// symbolic link, and none of them one of /proc.
func openDir(dir *os.File, name string) (*os.File, error) {
	f, err := untrusted.At(dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	var failed *fs.PathError
	if errors.As(err, &failed) && failed.Err == unix.ENOTDIR {
		failed.Err = errors.New("is not a folder; move it out of the way")
	}
	return f, err
}
