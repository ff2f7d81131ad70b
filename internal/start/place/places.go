package place

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Places are the folders that a start works in: _temp, or the folder that a link in its place leads to; the work
// folder, which holds that; and the one that holds the store, which may be the work folder too. Folders are made, laid
// and given away by these, so that whoever owns the folders cannot have it done elsewhere meanwhile.
type Places struct{ Work, Temp, Home *os.File }

// Close closes them.
func (p Places) Close() { CloseAll(p.Work, p.Temp, p.Home) }

// CloseAll closes those files that there are. One that is closed already stays so.
func CloseAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// Host are the places in the host's view, which this thread is in until it unshares its mount namespace.
type Host struct {
	Places
	Root   *os.File // "/", from which a path can be followed in the host's view later, too
	Inside bool     // the current folder is _temp
}

// Close closes them.
func (h Host) Close() {
	h.Places.Close()
	CloseAll(h.Root)
}

// Open opens the folder that an absolute path leads to in the host's view.
func (h Host) Open(path string) (f *os.File, err error) {
	how := unix.OpenHow{Flags: As | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range 100 {
		fd, err := unix.Openat2(int(h.Root.Fd()), path, &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR, unix.EAGAIN: // something was renamed meanwhile (openat2(2))
		case unix.ENOSYS, unix.EPERM: // an old seccomp filter: a thread that is still there can do it
			err = nsenter.Outside(func() (err error) { f, err = Open(path); return err })
			return f, err
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

// Above opens the folder that holds the one that a path leads to in the host's view.
func (h Host) Above(path string) (*os.File, error) {
	f, err := h.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return untrusted.At(f, "..", As)
}

// Open opens the places but for home, and makes _temp if it is missing.
func (c Caller) Open(temp string) (Places, error) {
	p, err := c.Find(temp)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(temp, 0o755); err != nil {
			return Places{}, dangling(err)
		}
		p, err = c.Find(temp)
	}
	if err != nil {
		return Places{}, err
	}
	err = c.MustOwn(p.Temp)
	if err == nil {
		err = c.MustFill(p.Temp)
	}
	if err != nil {
		p.Close()
		return Places{}, err
	}
	return p, nil
}

// dangling says why a folder exists and cannot be found: it is a link to something that does not.
func dangling(err error) error {
	var e *fs.PathError
	if errors.As(err, &e) && errors.Is(err, fs.ErrExist) {
		if to, lerr := os.Readlink(e.Path); lerr == nil {
			return fmt.Errorf("%s is a link to %s, which is not there; make that, or mount what has it", e.Path, to)
		}
	}
	return err
}

// Find opens the places but for home, if there is a _temp.
func (c Caller) Find(temp string) (p Places, err error) {
	if p.Work, err = Open(filepath.Dir(temp)); err != nil {
		return Places{}, err
	}
	if p.Temp, err = c.OpenTemp(p.Work, filepath.Base(temp)); err != nil {
		p.Close()
		return Places{}, err
	}
	return p, nil
}

// OpenTemp opens _temp in the work folder, or what a link in its place leads to.
func (c Caller) OpenTemp(work *os.File, name string) (*os.File, error) {
	if c == 0 { // nobody leads root to a folder of another user's
		return untrusted.Place(work, name)
	}
	return untrusted.At(work, name, As) // what it leads to must be the caller's
}
