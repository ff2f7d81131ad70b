package place

import (
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// As is how folders are opened that are only to be found again: no right to them is needed.
const As = unix.O_PATH | unix.O_DIRECTORY

// Open opens what a path leads to as [As] has it.
func Open(path string) (*os.File, error) { return untrusted.At(nil, path, As) }

// Diag opens the folder of logs in the runner's root at a path.
func Diag(root string) (*os.File, error) {
	dir, err := Open(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	return untrusted.Place(dir, "_diag")
}

// Resolved returns the path of what f has open, in the caller's view, for finding the mount that it lies in; the mount
// goes over f itself.
func Resolved(f *os.File) string {
	path, err := os.Readlink(untrusted.Through(f))
	if err != nil {
		return f.Name()
	}
	return path
}

// Same reports whether two open files are one.
func Same(a, b *os.File) (bool, error) {
	var st [2]unix.Stat_t
	for i, f := range [...]*os.File{a, b} {
		if err := unix.Fstat(int(f.Fd()), &st[i]); err != nil {
			return false, &fs.PathError{Op: "stat", Path: f.Name(), Err: err}
		}
	}
	return SameInode(st[0], st[1]), nil
}

// SameInode is [Same] for the stats of two files.
func SameInode(a, b unix.Stat_t) bool { return a.Dev == b.Dev && a.Ino == b.Ino }

// ErrExchanged is one of those that a start tries once more after.
var ErrExchanged error = exchanged{}

type exchanged struct{}

func (exchanged) Error() string { return "it was exchanged just now (" + fs.ErrNotExist.Error() + ")" }
func (exchanged) Unwrap() error { return fs.ErrNotExist }

// Store opens the store in a folder, for folders like temp, and makes it if it is missing.
func Store(in, temp *os.File) (*perpid.Store, error) {
	like, err := temp.Stat()
	if err != nil {
		return nil, err
	}
	return perpid.Make(in, like)
}
