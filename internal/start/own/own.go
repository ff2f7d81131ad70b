package own

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/hostpath"
	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// one is a place of the caller's (WORKER_WRAP_PRIVATE), and the folder that is laid over it for this Worker.
type one struct {
	path string   // of the place
	at   *os.File // in the view that it was opened in
	dir  *os.File // the folder, with its path as its name
}

// All are the places of one start, in the order of the setting.
type All []one

// Close closes their files.
func (all All) Close() {
	for _, o := range all {
		place.CloseAll(o.at, o.dir)
	}
}

// Discard removes the folders of a start that came to nothing. What has a copy in it a later start sweeps.
func (all All) Discard() {
	for _, o := range all {
		_ = os.Remove(o.dir.Name())
	}
}

// Redirects are the places for whoever translates paths.
func (all All) Redirects() (out []hostpath.Redirect) {
	for _, o := range all {
		out = append(out, hostpath.Redirect{Job: o.path, Host: o.dir.Name()})
	}
	return out
}

// Names returns the names of the folders in the store.
func (all All) Names() (out []string) {
	for _, o := range all {
		out = append(out, filepath.Base(o.dir.Name()))
	}
	return out
}

// Start is a start, as the places that it covers look at it.
type Start struct{ *begun.Start }

// Make opens the places in the host's view, makes missing ones, and a folder of owner's in the store for each. A place
// that may not be covered is the user's mistake: no job is started with it.
func (s Start) Make(p place.Places, owner perpid.Owner) (all All, err error) {
	if s.Worker == nil || len(s.Settings.Private) == 0 {
		return nil, s.try()
	}
	store, err := place.Store(p.Home, p.Temp)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	defer func() {
		if err != nil {
			all.Discard()
			all.Close()
			all = nil
		}
	}()
	for _, chosen := range s.Settings.Owns() {
		o, err := s.open(chosen.At(environ.Get(s.Env, "HOME")))
		if err != nil {
			return all, err
		}
		if err := o.apart(all); err != nil {
			o.at.Close()
			return all, err
		}
		o.dir, err = store.Create(owner, o.at)
		if err != nil {
			o.at.Close()
			return all, err
		}
		all = append(all, o)
		if chosen.Copy {
			if err := s.copy(o); err != nil {
				return all, err
			}
		}
	}
	return all, nil
}

// apart refuses a place that holds one of the others, or lies in it.
func (o one) apart(all All) error {
	for _, other := range all {
		if paths.In(place.Resolved(o.at), place.Resolved(other.at)) || paths.In(place.Resolved(other.at), place.Resolved(o.at)) {
			return notCovered(o.path, "and "+other.path+" hold one another; name the outer one only")
		}
	}
	return nil
}

// Find opens the places, and the folders that a supervisor has made for them.
func (s Start) Find(p place.Places, names []string) (all All, err error) {
	if s.Worker == nil && len(names) == 0 {
		return nil, nil
	}
	chosen := s.Settings.Owns()
	if len(names) != len(chosen) {
		return nil, fmt.Errorf("%d folders were made for %d places", len(names), len(chosen))
	}
	if len(names) == 0 {
		return nil, nil
	}
	store, err := perpid.OpenIn(p.Home)
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for i, name := range names {
		o, err := s.open(chosen[i].At(environ.Get(s.Env, "HOME")))
		if err == nil {
			o.dir, err = store.Folder(s.Self, name)
		}
		if err != nil {
			place.CloseAll(o.at)
			all.Close()
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
}
