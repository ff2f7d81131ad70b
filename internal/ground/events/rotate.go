package events

import (
	"errors"

	"golang.org/x/sys/unix"
)

// rotate renames the events file, open as file in the folder dir, to [RotatedName] if it has reached
// limit bytes. True means: the open file is no longer the events file, open again.
//
// Only the holder of the old file's flock(2) may rename, and only while the name still leads to that file. So of any
// number of writers that find it full exactly one renames it, once. Nobody waits for the lock: who does not get it
// appends to the file that is being renamed, which loses nothing.
func rotate(dir, file int, limit int64) (bool, error) {
	var st, named unix.Stat_t
	if err := unix.Fstat(file, &st); err != nil {
		return false, err
	}
	if st.Size < limit {
		return false, nil
	}
	if err := unix.Flock(file, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if st.Size >= 2*limit {
			// Somebody sits on the lock: without this the file would grow for ever.
			return false, errors.New("the file is full, and another process keeps it from being renamed")
		}
		return false, nil
	}
	// Closing the descriptor, which the caller does next, frees the lock.
	err := unix.Fstatat(dir, FileName, &named, unix.AT_SYMLINK_NOFOLLOW)
	if errors.Is(err, unix.ENOENT) || err == nil && (named.Ino != st.Ino || named.Dev != st.Dev) {
		return true, nil // another writer was first
	}
	if err != nil {
		return false, err
	}
	if err := unix.Renameat(dir, FileName, dir, RotatedName); err != nil {
		return false, err
	}
	return true, nil
}
