package perpid

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// keptName is what [Store.entry] finds beside a folder that is locked as long as its owner lives.
const keptName = "kept"

// Lock locks dir, a private folder that is open for reading, until the last copy of its descriptor is closed.
//
// It is a lock for reading, of fcntl(2) and not of flock(2): no job can be kept waiting by it, since nobody can take the
// other kind of such a lock on a folder. Who can see neither its owner nor its owner's PID namespace sees the lock.
func Lock(dir *os.File) error {
	return os.NewSyscallError("fcntl(F_OFD_SETLK)", unix.FcntlFlock(dir.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_RDLCK}))
}

// Vouch says, to whoever looks into the store, that dir is locked as long as its owner lives: a folder that is not is a
// dead owner's. In the machine's first PID namespace nobody needs to be told, as each owner can be seen from there.
func Vouch(owner Owner, dir *os.File) error {
	if owner.PIDNS == initPIDNS {
		return nil
	}
	name := filepath.Base(dir.Name()) + "." + keptName
	if err := unix.Mkdirat(int(dir.Fd()), "../"+name, 0o700); err != nil {
		return &fs.PathError{Op: "mkdir", Path: name, Err: err}
	}
	return nil
}

// byLock judges an owner that cannot be seen by the lock on its folder.
func (s *Store) byLock(name, what string) Verdict {
	folder := strings.TrimSuffix(name, "."+what)
	switch locked, err := s.locked(folder); {
	case locked:
		return Living
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return Unknown
	}
	var st unix.Stat_t
	if unix.Fstatat(s.fd(), folder+"."+keptName, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return Unknown
	}
	return Dead
}

// locked reports whether a folder is locked: by its owner's keeper, or by that of a Worker in whose view it is covered.
func (s *Store) locked(folder string) (bool, error) {
	dir, err := openDir(s.dir, folder)
	if err != nil {
		return false, err
	}
	defer dir.Close()
	asked := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(dir.Fd(), unix.F_OFD_GETLK, &asked); err != nil {
		return false, os.NewSyscallError("fcntl(F_OFD_GETLK)", err)
	}
	return asked.Type != unix.F_UNLCK, nil
}
