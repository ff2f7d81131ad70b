package perpid

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Folder opens the folder with the given name, which was made for owner.
func (s *Store) Folder(owner Owner, name string) (*os.File, error) {
	if o, what, ok := Parse(name); !ok || what != "" || o != owner {
		return nil, fmt.Errorf("%q does not name a folder of process %d", name, owner.PID)
	}
	return openDir(s.dir, name)
}

// Discard removes a folder that [Store.Create] has made and that was not used: an empty one.
func (s *Store) Discard(dir string) error {
	name := filepath.Base(dir)
	if err := unix.Unlinkat(s.fd(), name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return &os.PathError{Op: "rmdir", Path: filepath.Join(s.path, name), Err: err}
	}
	return nil
}
