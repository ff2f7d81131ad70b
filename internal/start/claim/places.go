package claim

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// inCommon is what Workers in the same _temp have. The folder above a --temp may be anybody's.
func (s Start) inCommon() alone.Places {
	if s.Runner == nil {
		return alone.Places{Temp: s.Temp}
	}
	return alone.Places{Root: s.Runner.Root, Work: filepath.Dir(s.Temp), Temp: s.Temp}
}

// inStore calls f with the store and what judges its owners.
func (s Start) inStore(f func(*perpid.Store, *perpid.Judge) error) error {
	p, err := s.Caller.Find(s.Temp)
	if err != nil {
		return err
	}
	defer p.Close()
	store, err := place.Store(p.Work, p.Temp)
	if err != nil {
		return err
	}
	defer store.Close()
	if perpid.Covered(p.Temp) { // whose job, or what that left, has started this one
		return fmt.Errorf("%w: %s is a private folder, and this start is in the view of its Worker", perpid.ErrClaimed, s.Temp)
	}
	return f(store, perpid.NewJudge(s.Self, store.Remote()))
}

// vacant fails if another owner of a folder in the store of the runner's root may be alive. The other store has the
// claim, and is looked through for that.
func (s Start) vacant() error {
	return s.inRoot(func(store *perpid.Store) error { return store.Vacant(perpid.NewJudge(s.Self, store.Remote())) })
}

// inRoot calls f with the store in the runner's root, if there is one.
func (s Start) inRoot(f func(*perpid.Store) error) error {
	if s.Runner == nil {
		return nil
	}
	store, err := perpid.Open(filepath.Join(s.Root(), perpid.StoreName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer store.Close()
	return f(store)
}
