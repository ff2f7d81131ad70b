package perpid

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
)

// Tidy removes what dead owners left, as far as that takes no time: folders that are empty, as a
// Worker leaves them that ended in good order. It reports whether something is left that needs a
// [Store.Sweep], and which others that are in the store live.
func (s *Store) Tidy(j *Judge) (living []Owner, more bool, err error) {
	entries, err := s.List(j)
	if err != nil {
		return nil, false, err
	}
	for _, e := range entries {
		if e.Verdict == Living && e.What == "" && e.Owner != j.Self && !slices.Contains(living, e.Owner) {
			living = append(living, e.Owner)
		}
		if e.Verdict != Dead || e.Undeletable || more && e.What == keptName { // a folder that stays needs it
			continue
		}
		// A folder made a moment ago, by a process that is dead already: nobody can be using it.
		name, err := s.take(e)
		if err == nil && name != "" {
			err = unix.Unlinkat(s.fd(), name, unix.AT_REMOVEDIR)
		}
		if err != nil && err != unix.ENOENT {
			more = true
		}
	}
	return living, more, nil
}

// Swept is what a sweep did.
type Swept struct {
	Deleted []string // names of entries that are gone
	Kept    []string // paths of what could not be deleted and was moved aside
	Err     error    // why the first of Kept could not be deleted
}

// Sweep is how a sweep is done.
type Sweep struct {
	// Again makes what an earlier sweep could not delete be tried once more.
	Again bool
	// Before, if it is set, leaves alone what changed after that moment (ctime). It does not spare what another sweep
	// has begun to delete.
	Before time.Time
	// Of, if it is set, leaves alone what is not this owner's.
	Of Owner
	// Parallel is how many folders are emptied at the same time; 0 means one after the other.
	Parallel int
	// Deleted, if it is set, counts the files and folders that are gone while the sweep runs.
	Deleted *atomic.Int64
}

// Sweep deletes everything that dead owners left. Each entry is first renamed, so that a name seen without the prefix
// is never half deleted. What cannot be deleted wholly is renamed again; later sweeps leave it alone unless they are
// told to try again. In a store that has been removed since it was opened there is nothing to delete.
func (s *Store) Sweep(j *Judge, how Sweep) (Swept, error) {
	entries, err := s.List(j)
	if errors.Is(err, fs.ErrNotExist) {
		return Swept{}, nil
	}
	if err != nil {
		return Swept{}, err
	}
	var out Swept
	for _, e := range entries {
		if e.Verdict != Dead || e.Undeletable && !how.Again {
			continue
		}
		if how.Of != (Owner{}) && e.Owner != how.Of {
			continue
		}
		if !how.Before.IsZero() && !e.Sweeping && e.Changed.After(how.Before) {
			continue
		}
		s.sweep(e, how, &out)
	}
	return out, nil
}

func (s *Store) sweep(e Entry, how Sweep, out *Swept) {
	name, err := s.take(e)
	if err != nil {
		out.keep(e.Path, err)
	}
	if err != nil || name == "" {
		return
	}
	r := tree.NewRemoval(how.Parallel, how.Deleted)
	r.Remove(s.dir, name)
	failed, first := r.Failures()
	if failed == 0 {
		out.Deleted = append(out.Deleted, e.Name)
		return
	}
	why := fmt.Errorf("%d could not be deleted, the first: %w", failed, first)
	kept, err := s.rename(name, keptPrefix)
	if err != nil {
		out.keep(s.path+"/"+name, err)
	} else if kept != "" {
		out.keep(s.path+"/"+kept, why)
	}
}

// take renames a dead owner's entry, so that nobody begins to use it, and returns its new name: "" if another sweep has it,
// or if it is a folder that somebody has locked meanwhile. That has its name again.
func (s *Store) take(e Entry) (name string, err error) {
	name = e.Name
	if !e.Sweeping {
		if name, err = s.rename(name, deadPrefix); err != nil || name == "" {
			return "", err
		}
	}
	if locked, _ := s.locked(name); !locked {
		return name, nil
	}
	_, err = s.rename(name, "")
	return "", err
}

func (o *Swept) keep(path string, err error) {
	o.Kept = append(o.Kept, path)
	if o.Err == nil {
		o.Err = err
	}
}
