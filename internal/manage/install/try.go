package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/trial"
)

// wrapped reports whether a runner has the shim, or had it until an update or a person put something else there. What
// it does then is not refused for want of isolation: its starts say so themselves.
func (r *run) wrapped(l runner.Layout, s entry.State) bool {
	has := slices.ContainsFunc(s.Bins, func(b entry.Bin) bool {
		return b.Worker == entry.Shim || b.Worker == entry.Dangling || b.Kind() == entry.Unlinked
	})
	if has {
		return true
	}
	listed, err := r.Listed()
	return err == nil && slices.Contains(listed, l.Root)
}

// try starts binary, a worker-wrap, in a runner that is not yet wrapped, as its user and with its settings. The error
// says why a Worker would get no _temp of its own.
func (r *run) try(l runner.Layout, s entry.State, binary string) error {
	if r.tried[l.Root] || s.Bins[0].Kind() == entry.Empty { // that is said later
		return nil
	}
	if r.DryRun || r.wrapped(l, s) {
		r.tried[l.Root] = true
		return nil
	}
	who := survey.System{Root: r.Root}.Starter(l)
	if who.Led != nil {
		return who.Led
	}
	err := fmt.Errorf("this machine knows no user %s, who is to run it: correct User= in the unit", visible.Word(who.User))
	if who.UID >= 0 {
		if !trial.Possible(who.UID) {
			return errNotAllowed
		}
		tried := trial.Places{Layout: l, Binary: binary, UID: who.UID, Env: who.Env}.Try()
		if err = tried.Refused; tried.Left != nil {
			r.warn("a start that was tried in %s has left something there: %v", l.Root, tried.Left)
		}
	}
	if err == nil {
		r.tried[l.Root] = true
		return nil
	}
	if r.Force {
		r.tried[l.Root] = true
		r.warn("%s: no job of %s gets a _temp of its own as things are, and worker-wrap is put in place all the same (--force): %v", l.Root, visible.Word(who.User), err)
		return nil
	}
	return &RefusedError{l.Root, who.User, err}
}

// staged is the name, beside the binary's place, of the copy that is tried before the binary is put there.
const staged = "." + program.Name + ".trial"

// tryStaged tries a start in each runner that is not yet wrapped, with the binary that is about to be put in place,
// and returns the runners that are not refused. Of the copy nothing is left.
func (r *run) tryStaged() (accepted []runner.Layout, err error) {
	if r.DryRun {
		return r.Layouts, nil
	}
	dir := filepath.Dir(r.Place())
	binary, there := filepath.Join(dir, staged), false
	above := existing(dir)
	defer func() {
		if rerr := os.Remove(binary); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) && err == nil {
			err = rerr
		}
		for ; dir != above; dir = filepath.Dir(dir) {
			_ = os.Remove(dir) // unless something is in it
		}
	}()
	for _, l := range r.Layouts {
		s, ierr := entry.Inspect(l)
		if ierr != nil || len(s.Bins) == 0 || r.wrapped(l, s) {
			accepted = append(accepted, l) // what is wrong with it is said later
			continue
		}
		if !there {
			if err := program.Place(r.Self, binary); err != nil {
				return nil, err
			}
			there = true
		}
		if err := r.try(l, s, binary); err != nil {
			r.fail(err)
			continue
		}
		accepted = append(accepted, l)
	}
	return accepted, nil
}

// existing is the nearest folder above path, or path itself, that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// RefusedError says that a start in a runner that is not yet wrapped would be refused.
type RefusedError struct {
	Root string
	User string
	Err  error // why, and what to do about it
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is left as it is, since worker-wrap could give no job of %s a _temp of its own: %v; mend that, or put it in place all the same, as in an image that is built for another machine: worker-wrap install --force%s",
		e.Root, visible.Word(e.User), e.Err, roots([]runner.Layout{{Root: e.Root}}))
}

func (e *RefusedError) Unwrap() error { return e.Err }
