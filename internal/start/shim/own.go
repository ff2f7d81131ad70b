package shim

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// own is a place of the caller's (WORKER_WRAP_PRIVATE), and the folder that is laid over it for this Worker.
type own struct {
	path  string   // of the place
	place *os.File // in the view that it was opened in
	dir   *os.File // the folder, with its path as its name
}

type owns []own

func (all owns) close() {
	for _, o := range all {
		closeAll(o.place, o.dir)
	}
}

// discard removes the folders of a start that came to nothing. What has a copy in it a later start sweeps.
func (all owns) discard() {
	for _, o := range all {
		_ = os.Remove(o.dir.Name())
	}
}

// redirects are the places for whoever translates paths.
func (all owns) redirects() (out []hostpath.Redirect) {
	for _, o := range all {
		out = append(out, hostpath.Redirect{Job: o.path, Host: o.dir.Name()})
	}
	return out
}

// names are those of the folders in the store.
func (all owns) names() (out []string) {
	for _, o := range all {
		out = append(out, filepath.Base(o.dir.Name()))
	}
	return out
}

// makeOwn opens the places in the host's view, makes what is missing, and a folder of owner's in the store for each. A
// place that may not be covered is the user's mistake: no job is started with it.
func (s *start) makeOwn(p places, owner perpid.Owner) (all owns, err error) {
	if s.Worker == nil || len(s.Settings.Private) == 0 {
		return nil, nil
	}
	store, err := openStore(p.home, p.temp)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	defer func() {
		if err != nil {
			all.discard()
			all.close()
			all = nil
		}
	}()
	home := environ.Get(s.Env, "HOME")
	for _, chosen := range s.Settings.Owns() {
		o, err := s.openOwn(chosen.At(home))
		if err != nil {
			return all, err
		}
		for _, other := range all {
			if paths.In(resolved(o.place), resolved(other.place)) || paths.In(resolved(other.place), resolved(o.place)) {
				o.place.Close()
				return all, notCovered(o.path, "and "+other.path+" hold one another; name the outer one only")
			}
		}
		o.dir, err = store.Create(owner, o.place)
		if err != nil {
			o.place.Close()
			return all, err
		}
		all = append(all, o)
		if chosen.Copy {
			if err := s.copyOwn(o); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// findOwn opens the places, and the folders that a supervisor has made for them.
func (s *start) findOwn(p places, names []string) (all owns, err error) {
	chosen := s.Settings.Owns()
	if len(names) != len(chosen) {
		return nil, fmt.Errorf("%d folders were made for %d places", len(names), len(chosen))
	}
	if len(names) == 0 {
		return nil, nil
	}
	store, err := perpid.OpenIn(p.home)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for i, name := range names {
		o, err := s.openOwn(chosen[i].At(environ.Get(s.Env, "HOME")))
		if err == nil {
			o.dir, err = store.Folder(s.self, name)
		}
		if err != nil {
			closeAll(o.place)
			all.close()
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}

// addOwn adds the binds over the places, opened anew in the job's view.
func (s *start) addOwn(b *binds, host hostPlaces, v view, all owns) error {
	if len(all) == 0 || v.covered {
		return nil
	}
	store, err := perpid.OpenIn(v.home)
	if err != nil {
		return err
	}
	defer store.Close()
	for _, o := range all {
		place, err := openPath(o.path)
		if err != nil {
			return err
		}
		b.files = append(b.files, place)
		dir, err := store.Folder(s.self, filepath.Base(o.dir.Name()))
		if err != nil {
			return err
		}
		b.files = append(b.files, dir)
		outside, err := host.above(o.path)
		if err != nil {
			return err
		}
		b.files = append(b.files, outside)
		for _, pair := range [][2]*os.File{{place, o.place}, {dir, o.dir}} {
			if same, err := sameFile(pair[0], pair[1]); err != nil {
				return err
			} else if !same {
				return &fs.PathError{Op: "open", Path: pair[0].Name(), Err: errExchanged}
			}
		}
		for _, err := range []error{s.mayCover(o.path, place), s.caller.mustOwn(dir)} {
			if err != nil {
				return err
			}
		}
		b.list = append(b.list, mounts.Mount{Source: dir, Target: place, Outside: outside})
		s.journal.debugf("%s lies over %s", o.dir.Name(), o.path)
	}
	return nil
}
