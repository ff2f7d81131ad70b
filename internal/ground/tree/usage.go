package tree

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Usage is how much a tree holds.
type Usage struct {
	Files int64 // everything in it that is not a folder
	Bytes int64 // on disk: 512-byte blocks as stat(2) counts them, folders included
	// Partial is true if a part could not be read, or the limit was reached.
	Partial bool
}

// errEnough ends a walk at its limit.
var errEnough = errors.New("enough")

// Measure adds up the contents of the folder at path, without leaving its file system or following links. It stops
// after limit entries.
func Measure(path string, limit int64) Usage {
	var u Usage
	root, err := untrusted.At(nil, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return Usage{Partial: true}
	}
	defer root.Close()
	if err := u.add(root, &limit); err != nil {
		u.Partial = true
	}
	return u
}

func (u *Usage) add(dir *os.File, limit *int64) error {
	for {
		names, err := dir.Readdirnames(1024)
		for _, name := range names {
			if *limit--; *limit < 0 {
				return errEnough
			}
			if err := u.entry(dir, name, limit); errors.Is(err, errEnough) {
				return err
			}
		}
		if err != nil || len(names) == 0 {
			return nil
		}
	}
}

func (u *Usage) entry(dir *os.File, name string, limit *int64) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		u.Partial = u.Partial || !errors.Is(err, fs.ErrNotExist)
		return nil
	}
	u.Bytes += st.Blocks * 512
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		u.Files++
		return nil
	}
	sub, err := beneath(dir, name, unix.O_RDONLY)
	if err != nil {
		u.Partial = u.Partial || err != unix.EXDEV && err != unix.ENOENT
		return nil
	}
	defer sub.Close()
	return u.add(sub, limit)
}
