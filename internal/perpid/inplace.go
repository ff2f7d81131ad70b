package perpid

import (
	"os"

	"golang.org/x/sys/unix"
)

// InPlace returns owner's folder, open, where that is what temp is already: the owner has laid it there before
// and become this program once more. It returns nil otherwise. Such a folder must be neither covered nor
// renamed: what a sweeper removes takes the mounts on it along, in every namespace (rmdir(2), detach_mounts in
// fs/namespace.c).
func (s *Store) InPlace(owner Owner, temp *os.File) *os.File {
	dir, err := openDir(s.dir, owner.String())
	if err != nil {
		return nil
	}
	var is, want unix.Stat_t
	if unix.Fstat(int(dir.Fd()), &is) == nil && unix.Fstat(int(temp.Fd()), &want) == nil && is.Dev == want.Dev && is.Ino == want.Ino {
		return dir
	}
	dir.Close()
	return nil
}
