package perpid

import "os"

// Folder opens the folder that was made for owner.
func (s *Store) Folder(owner Owner) (*os.File, error) { return openDir(s.dir, owner.String()) }

// Liken gives dir, new and empty, the owner, group, mode and access control lists of temp.
func Liken(dir, temp *os.File) error {
	like, err := temp.Stat()
	if err != nil {
		return err
	}
	return likeness(dir, temp, like)
}
