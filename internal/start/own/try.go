package own

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// try refuses what the start of a Worker would refuse, if this one tries that. It makes nothing, and covers nothing.
func (s Start) try() error {
	if s.TrialOf == "" {
		return nil
	}
	var all All
	defer func() { all.Close() }()
	for _, chosen := range s.Settings.Owns() {
		o, err := s.open(chosen.At(environ.Get(s.Env, "HOME")))
		if err != nil {
			return err
		}
		if o.at == nil { // it is still to be made
			continue
		}
		err = o.apart(all)
		all = append(all, o)
		if err != nil {
			return err
		}
	}
	return nil
}

// mayMake is the rule for a place that is missing: a start can make it.
func (s Start) mayMake(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		f, err := place.Open(dir)
		if errors.Is(err, fs.ErrNotExist) && dir != "/" {
			continue
		}
		if err != nil {
			return notMade(path, err)
		}
		defer f.Close()
		if err := unix.Faccessat(int(f.Fd()), ".", unix.W_OK|unix.X_OK, 0); err != nil {
			return notMade(path, &fs.PathError{Op: "mkdir in", Path: dir, Err: err})
		}
		rest, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return s.mayLie(path, filepath.Join(place.Resolved(f), rest))
	}
}
