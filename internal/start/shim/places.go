package shim

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// places are the folders that a start works in: _temp, or what a link in its place leads to, the work folder, which
// holds that, and the one that holds the store, which may be the work folder too. What is made, laid and given away is
// found by these, so that whoever owns the folders cannot have it done elsewhere meanwhile.
type places struct{ work, temp, home *os.File }

func (p places) close() { closeAll(p.work, p.temp, p.home) }

// closeAll closes those files that there are. One that is closed already stays so.
func closeAll(files ...*os.File) {
	for _, f := range files {
		if f != nil {
			f.Close()
		}
	}
}

// hostPlaces are the places in the host's view, which this thread is in until it unshares its mount namespace.
type hostPlaces struct {
	places
	root   *os.File // "/", from which a path can be followed in the host's view later, too
	inside bool     // the current folder is _temp
}

func (h hostPlaces) close() {
	h.places.close()
	closeAll(h.root)
}

// openHost opens the places in the host's view. It makes _temp if it is missing.
func (s *start) openHost() (h hostPlaces, err error) {
	if h.root, err = openPath("/"); err != nil {
		return hostPlaces{}, err
	}
	if h.places, err = s.openPlaces(s.Home); err == nil {
		h.inside, err = s.startsIn(h.temp)
	}
	if err != nil {
		h.close()
		return hostPlaces{}, err
	}
	return h, nil
}

// openPlaces opens the places in the calling thread's view, with the store in home, or where it is to be if that is "".
func (s *start) openPlaces(home string) (places, error) {
	p, err := s.caller.openPlaces(s.Temp)
	if err != nil {
		return places{}, err
	}
	if home == "" {
		same := false
		if home, same = perpid.Home(cmp.Or(s.Root(), s.StoreOf), s.Temp); !same && s.Settings.Policy.Backing != policy.Tmpfs {
			s.journal.elsewhere(home)
		}
	}
	if p.home = p.work; home != p.work.Name() {
		if p.home, err = openPath(home); err == nil {
			err = s.caller.mayGive(p.home, p.temp)
		}
	}
	if err != nil {
		p.close()
		return places{}, err
	}
	return p, nil
}

// open opens the folder that an absolute path leads to in the host's view.
func (h hostPlaces) open(path string) (f *os.File, err error) {
	how := unix.OpenHow{Flags: asPlace | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	for range 100 {
		fd, err := unix.Openat2(int(h.root.Fd()), path, &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), path), nil
		case unix.EINTR, unix.EAGAIN: // something was renamed meanwhile (openat2(2))
		case unix.ENOSYS, unix.EPERM: // an old seccomp filter: a thread that is still there can do it
			err = nsenter.Outside(func() (err error) { f, err = openPath(path); return err })
			return f, err
		default:
			return nil, &fs.PathError{Op: "open", Path: path, Err: err}
		}
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EAGAIN}
}

// above opens the folder that holds the one that a path leads to in the host's view.
func (h hostPlaces) above(path string) (*os.File, error) {
	f, err := h.open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return untrusted.At(f, "..", asPlace)
}

// openPlaces opens the places but for home, and makes _temp if it is missing.
func (c caller) openPlaces(temp string) (places, error) {
	p, err := c.findPlaces(temp)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(temp, 0o755); err != nil {
			return places{}, err
		}
		p, err = c.findPlaces(temp)
	}
	if err != nil {
		return places{}, err
	}
	err = c.mustOwn(p.temp)
	if err == nil {
		err = c.mustFill(p.temp)
	}
	if err != nil {
		p.close()
		return places{}, err
	}
	return p, nil
}

func (c caller) findPlaces(temp string) (p places, err error) {
	if p.work, err = openPath(filepath.Dir(temp)); err != nil {
		return places{}, err
	}
	if p.temp, err = c.openTemp(p.work, filepath.Base(temp)); err != nil {
		p.close()
		return places{}, err
	}
	return p, nil
}

// openTemp opens _temp in the work folder, or what a link in its place leads to.
func (c caller) openTemp(work *os.File, name string) (*os.File, error) {
	if c == 0 { // nobody leads root to a folder of another user's
		return untrusted.Place(work, name)
	}
	return untrusted.At(work, name, asPlace) // what it leads to must be the caller's
}

// asPlace is how folders are opened that are only to be found again: no right to them is needed.
const asPlace = unix.O_PATH | unix.O_DIRECTORY

func openPath(path string) (*os.File, error) { return untrusted.At(nil, path, asPlace) }

// startsIn reports whether the current folder is the _temp that is about to be covered: then it is to be the new one,
// as a shell shows it by its path. A folder in it is refused, as it would not be there. A Worker starts in bin.
func (s *start) startsIn(temp *os.File) (bool, error) {
	if s.Worker != nil {
		return false, nil
	}
	cwd, err := unix.Getwd()
	if err != nil {
		return false, nil // it has no path, so it is not by one that it is in there
	}
	place := resolved(temp)
	if strings.HasPrefix(cwd, place+"/") {
		return false, fmt.Errorf("the current folder %s lies in %s, which is to be an empty folder: start it from elsewhere", cwd, s.Temp)
	}
	return cwd == place, nil
}

// resolved returns the path of what f has open, in the caller's view, for finding the mount that it lies
// in; what is mounted over is f itself.
func resolved(f *os.File) string {
	path, err := os.Readlink(untrusted.Through(f))
	if err != nil {
		return f.Name()
	}
	return path
}
