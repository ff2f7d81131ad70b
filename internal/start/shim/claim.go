package shim

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// lastTry is how long a start whose time is over still waits for a lock: others hold it for milliseconds.
const lastTry = 500 * time.Millisecond

// claim tries to become the one that uses the real _temp, in the view that others have of it: where isolation failed
// this thread may be in a namespace with half of the mounts.
func (r *run) claim() {
	try := r.tryClaim
	if r.course.facts.Failed {
		try = func() error { return nsenter.Outside(r.tryClaim) }
	}
	err := try()
	r.course.claimed, r.course.facts.Claim = err, policy.Won
	if err != nil {
		r.course.facts.Claim = policy.Lost
		r.log.debugf("the real _temp is not for this start: %v", err)
	}
	r.stage("claim")
}

// tryClaim locks what Workers in the real _temp have in common, looks whether another is in it, and leaves the locks
// to a keeper.
//
// Before isolation was tried, any doubt is a reason to have a _temp of its own. After it failed only a Worker that may
// be alive is one to refuse: the folder of the claim may be what could not be made.
func (r *run) tryClaim() error {
	strict := r.strict()
	if err := r.identify(); err != nil { // without a /proc of its own it would find nobody
		return err
	}
	if p, err := r.openPlaces(); err == nil {
		p.close()
	} else if strict {
		return err
	}
	locks, err := r.lock()
	if err != nil {
		return err
	}
	defer locks.Close()
	c := &claiming{run: r, locks: locks}
	err = r.inStore(func(s *perpid.Store, j *perpid.Judge) error {
		r.sweep(s, r.self)
		return s.Claim(j, perpid.Terms{Patience: lockPatience, Folders: strict, Locked: locks.Sure}, c.decide, c.keep)
	})
	if err == nil || strict || errors.Is(err, perpid.ErrClaimed) {
		return err
	}
	r.log.debugf("the claim to the real _temp is not in its file: %v", err)
	if !c.decided {
		c.failed = c.decide()
	}
	if c.failed == nil {
		_, c.failed = c.keep()
	}
	return c.failed
}

// strict reports whether any other Worker of the runner keeps this one out of the real _temp, and not only one that is
// in it too.
func (r *run) strict() bool {
	return !r.course.facts.Failed && r.Settings.Policy.Isolate != policy.Alone
}

// leftAlone reports whether the program is alone and was not to notice anything, its environment included.
func (r *run) leftAlone() bool {
	return r.course.step == policy.Plain && r.Settings.Policy.Isolate == policy.Alone
}

// lock locks the places. If they are taken it waits only if that can be of use: what keeps the locks of a Worker that
// has just ended, or a start that looks, lets go in milliseconds; a living Worker does not.
func (r *run) lock() (*alone.Locks, error) {
	facts := r.course.facts
	if !facts.Failed || !facts.Waited {
		locks, err := alone.Take(r.inCommon(), 0)
		if err == nil {
			return locks, nil
		}
		if err := r.alone(); err != nil {
			return nil, err
		}
		if o, ok := early.Recorded(filepath.Join(r.Root, "_diag"), r.self); ok && r.Root != "" &&
			perpid.NewJudge(r.self, false).Verdict(o, time.Now()) == perpid.Living && o != r.self {
			return nil, fmt.Errorf("%w: process %d is in it", perpid.ErrClaimed, o.PID)
		}
		err = r.inStore(func(s *perpid.Store, j *perpid.Judge) error { return s.Holder(j) })
		if errors.Is(err, perpid.ErrClaimed) {
			return nil, err
		}
		return alone.Take(r.inCommon(), lockPatience)
	}
	patience, _ := r.patience()
	return alone.Take(r.inCommon(), max(lastTry, time.Until(r.timing.begun.Add(patience))))
}

// inCommon is what Workers in the same _temp have. The folder above a --temp may be anybody's.
func (r *run) inCommon() alone.Places {
	if r.Root == "" {
		return alone.Places{Temp: r.Temp}
	}
	return alone.Places{Root: r.Root, Work: filepath.Dir(r.Temp), Temp: r.Temp}
}

// inStore calls f with the store and what judges its owners.
func (r *run) inStore(f func(*perpid.Store, *perpid.Judge) error) error {
	p, err := r.lookPlaces()
	if err != nil {
		return err
	}
	defer p.close()
	like, err := p.temp.Stat()
	if err != nil {
		return err
	}
	store, err := perpid.Make(p.work, like)
	if err != nil {
		return err
	}
	defer store.Close()
	return f(store, perpid.NewJudge(r.self, store.Remote()))
}

// claiming is one try to become the one in the real _temp.
type claiming struct {
	*run
	locks   *alone.Locks
	decided bool
	failed  error // what decide has found
}

// decide looks for other Workers, and lets starts of the same kind find the locks taken from now on.
func (c *claiming) decide() error {
	c.decided = true
	if c.failed = c.alone(); c.failed == nil {
		c.failed = c.locks.Share()
	}
	return c.failed
}

// keep leaves the locks to a process beside the Worker, and reports whether they tell all others that it lives. Without
// one it fails, as long as there is another way: a _temp of its own.
func (c *claiming) keep() (told bool, err error) {
	if len(c.locks.Files) == 0 {
		return false, nil
	}
	work, err := openPath(filepath.Dir(c.Temp))
	if err == nil {
		defer work.Close()
		err = early.Hold(c.worker(work), c.locks.Files)
	}
	if c.course.unkept = err; err == nil {
		return c.locks.Sure, nil
	}
	c.log.debugf("nothing keeps the locks of the real _temp: %v", err)
	if !c.course.facts.Failed {
		return false, fmt.Errorf("nothing would keep its locks: %w", err)
	}
	return false, nil
}

// join makes a start that does not care whether it is alone known to those that do.
func (r *run) join() {
	c := &claiming{run: r, locks: alone.Join(r.inCommon(), lockPatience)}
	defer c.locks.Close()
	_, _ = c.keep()
}
