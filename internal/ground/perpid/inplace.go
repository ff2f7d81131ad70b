package perpid

import (
	"os"

	"golang.org/x/sys/unix"
)

// InPlace returns that folder of owner's, open, which temp is already: the owner has laid it there before and become
// this program once more. It returns nil if there is none. Such a folder must be neither covered nor removed: that
// takes the mounts on it along, in every namespace (rmdir(2), detach_mounts in fs/namespace.c).
func (s *Store) InPlace(owner Owner, temp *os.File) *os.File {
	var want, is unix.Stat_t
	if unix.Fstat(int(temp.Fd()), &want) != nil {
		return nil
	}
	for n := 1; n <= mostFolders; n++ {
		name := owner.folder(n)
		if unix.Fstatat(s.fd(), name, &is, unix.AT_SYMLINK_NOFOLLOW) != nil {
			return nil // Create leaves no gap
		}
		dir, err := openDir(s.dir, name)
		if err != nil {
			continue
		}
		if unix.Fstat(int(dir.Fd()), &is) == nil && is.Dev == want.Dev && is.Ino == want.Ino {
			return dir
		}
		dir.Close()
	}
	return nil
}
