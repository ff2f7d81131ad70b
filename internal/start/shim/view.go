package shim

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/start/entry"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// view is what the binds are made of, open in the job's view: in the mount namespace that only this thread is in. What
// is checked there is what is mounted.
type view struct {
	place.Places
	folder  folder
	covered bool         // _temp is the folder already
	worker  entry.Worker // of a Worker
}

func (v view) close() {
	v.Places.Close()
	v.folder.dir.Close()
	v.worker.Close()
}

// openView opens everything again, by its path or name, in the job's view.
func (s *start) openView(made folder) (v view, err error) {
	if v.Places, err = s.openPlaces(filepath.Dir(filepath.Dir(made.path()))); err != nil {
		return view{}, err
	}
	if v.folder, err = s.again(v.Places, made); err != nil {
		v.Places.Close()
		return view{}, err
	}
	if v.covered, err = place.Same(v.Temp, v.folder.dir); err == nil && s.Worker != nil {
		v.worker, err = entry.Open(entry.Start{Start: s.Start})
	}
	if err != nil {
		v.close()
		return view{}, err
	}
	return v, nil
}

// again finds the folder that was made or found in the host's view. One of this start's that is gone is made anew.
func (s *start) again(p place.Places, made folder) (folder, error) {
	f, err := s.findFolder(p, filepath.Base(made.path()), made.from)
	if errors.Is(err, fs.ErrNotExist) && made.from == fresh {
		return s.makeFolder(p, s.Self)
	}
	if err != nil {
		return folder{}, err
	}
	same, err := place.Same(f.dir, made.dir)
	if err == nil && !same {
		err = &fs.PathError{Op: "open", Path: f.path(), Err: place.ErrExchanged}
	}
	if err != nil {
		f.dir.Close()
		return folder{}, err
	}
	f.below = made.below
	return f, nil
}

// A start looks again for what has vanished with pauses that double up to longestPause, for searchPatience in all:
// long enough for a busy machine, and a tenth of the time in which the Listener gives a Worker up. After a wait there may
// be less time.
const (
	longestPause   = 64 * time.Millisecond
	searchPatience = 3 * time.Second
)

// patiently does once more what has failed because something has vanished: an install, uninstall or update replaces the
// entry of bin just then, or removes the store. Nothing of it was seen outside. Not at once: rename(2) first takes
// every job's mount off the entry that it replaces. For milliseconds that entry is still found, but can no longer be
// mounted on (vfs_rename in fs/namei.c).
func (s *start) patiently(do func() error) error {
	until := time.Now().Add(s.AtMost(searchPatience))
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := do()
		if !errors.Is(err, fs.ErrNotExist) || !time.Now().Before(until) {
			return err
		}
		s.Journal.Debugf("trying once more: %v", err)
		time.Sleep(pause)
	}
}

// enter makes the mount namespace and covers _temp in it.
func (s *start) enter(host place.Host, made folder, covered own.All, beside proxy) (p program, err error) {
	if err := s.Unshare(); err != nil {
		return program{}, err
	}
	s.Journal.Stage("namespace")
	err = s.patiently(func() (err error) {
		p, err = s.tryCover(host, made, covered, beside)
		return err
	})
	if err == nil {
		s.Journal.Stage("mounts")
	}
	return p, err
}

// tryCover opens everything in the job's view and covers _temp.
func (s *start) tryCover(host place.Host, made folder, covered own.All, beside proxy) (program, error) {
	v, err := s.openView(made)
	if err != nil {
		return program{}, err
	}
	defer v.close()
	return s.cover(host, v, covered, beside)
}
