package claim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/keep"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Start is a start, as what it has in common with others looks at it.
type Start struct{ *begun.Start }

func (s Start) keeper() keep.Start { return keep.Start{Start: s.Start} }

// claiming is one try to become the one in the plain _temp.
type claiming struct {
	Start
	facts   policy.Facts
	locks   *alone.Locks
	decided bool
	failed  error // what decide has found
	view    bool  // the Worker is to have a mount namespace of its own, if the settings want that
}

// Try tries to become the one that uses the plain _temp, in the host's view: if isolation failed this thread may be in
// a namespace with half of the mounts. The error is why it is not.
func (s Start) Try(facts policy.Facts) error {
	c := &claiming{Start: s, facts: facts, view: !facts.Failed}
	try := c.try
	if facts.Failed {
		try = func() error { return nsenter.Outside(c.try) }
	}
	err := try()
	if err != nil {
		s.Journal.Debugf("the plain _temp is not for this start: %v", err)
	}
	s.Journal.Stage("claim")
	return err
}

// try locks what Workers in the plain _temp have in common, looks whether another is in it, and leaves the locks
// to a keeper.
//
// Before isolation was tried, any doubt is a reason to have a _temp of its own. After it failed only a Worker that may
// be alive is one to refuse: the folder of the claim may be what could not be made.
func (c *claiming) try() error {
	strict := c.strict(c.facts.Failed)
	if c.Unknown != nil { // without a /proc of its own it would find nobody
		return c.Unknown
	}
	if p, err := c.Caller.Open(c.Temp); err == nil {
		p.Close()
	} else if strict {
		return err
	}
	var err error
	if c.locks, err = c.lock(); err != nil {
		return err
	}
	defer c.locks.Close()
	err = c.inStore(func(s *perpid.Store, j *perpid.Judge) error {
		c.keeper().Sweep(s, perpid.Path(c.Temp))
		_ = c.inRoot(func(own *perpid.Store) error {
			c.keeper().Sweep(own, filepath.Join(c.Root(), perpid.StoreName))
			return nil
		})
		return s.Claim(j, perpid.Terms{Patience: c.AtMost(alone.Patience), Folders: strict, Locked: c.locks.Sure}, c.decide, c.keep)
	})
	if err == nil || strict || errors.Is(err, perpid.ErrClaimed) {
		return err
	}
	c.Journal.Debugf("the claim to the plain _temp is not in its file: %v", err)
	if !c.decided {
		c.failed = c.decide()
	}
	if c.failed == nil {
		_, c.failed = c.keep()
	}
	return c.failed
}

// strict reports whether any other Worker of the runner keeps this one out of the plain _temp, not only one that is in
// it. failed is true after isolation was tried.
func (s Start) strict(failed bool) bool {
	return !failed && s.Settings.Policy.Isolate != policy.Alone
}

// lock locks the places. If they are taken it waits only as long as that can be of use: what keeps the locks of a Worker
// that has just ended, or a start that looks, lets go in milliseconds; a living Worker does not.
func (c *claiming) lock() (*alone.Locks, error) {
	if c.facts.Failed && c.facts.Waited {
		patience, _ := c.Patience()
		return alone.Take(c.inCommon(), max(policy.LastTry, time.Until(c.Begun.Add(patience))))
	}
	return alone.TakeUnless(c.inCommon(), c.AtMost(alone.Patience), c.anybody)
}

// anybody fails if another Worker is known to be in the plain _temp. The record mostly names it: then no process is
// looked at but that one. Whoever is worker-wrap still is not known yet: it may become a Worker. Keepers are
// passed over (see package presence): who has the locks may be that of a Worker that has ended.
func (c *claiming) anybody() error {
	if err := c.recorded(); err != nil {
		return err
	}
	if err := c.nobodyElse(func(w presence.Worker) bool { return !w.Starting }); err != nil {
		return err
	}
	err := c.inStore(func(s *perpid.Store, j *perpid.Judge) error { return s.Holder(j) })
	if errors.Is(err, perpid.ErrClaimed) {
		return err
	}
	return nil
}

// decide looks for other Workers, and lets starts of the same kind find the locks taken from now on.
func (c *claiming) decide() error {
	c.decided = true
	if c.failed = c.nobodyElse(func(presence.Worker) bool { return true }); c.failed == nil {
		c.failed = c.recorded()
	}
	if c.failed == nil && c.strict(c.facts.Failed) {
		c.failed = c.vacant()
	}
	if c.failed == nil {
		c.failed = c.locks.Share()
	}
	return c.failed
}

// recorded fails if a Worker lives that was started before Go's runtime: its keeper, and with it its locks, may be gone.
func (c *claiming) recorded() error {
	if c.Runner == nil {
		return nil
	}
	o, ok := inplain.Named(filepath.Dir(c.Temp), c.Diag(), c.Self)
	if ok && o != c.Self && perpid.NewJudge(c.Self, false).Verdict(o, time.Now()) == perpid.Living {
		c.Journal.Beside(o.PID) // it may be another runner's
		return fmt.Errorf("%w: process %d is in it", perpid.ErrClaimed, o.PID)
	}
	return nil
}

// keep leaves the locks to a process beside the Worker, and reports whether they tell all others that it lives. Without
// one it fails, as long as there is another way: a _temp of its own.
func (c *claiming) keep() (told bool, err error) {
	if len(c.locks.Files) == 0 {
		return false, nil
	}
	work, err := place.Open(filepath.Dir(c.Temp))
	if err == nil {
		defer work.Close()
		err = c.hold(work)
	}
	c.Journal.Kept(err)
	switch {
	case err == nil:
		return c.locks.Sure, nil
	case !c.facts.Failed:
		return false, fmt.Errorf("nothing would keep its locks: %w", err)
	}
	return false, nil
}

// hold leaves the keeper in the host's view: what is left in the Worker's is then what the job has left.
func (c *claiming) hold(work *os.File) error {
	w := c.keeper().Of(work)
	if c.view {
		w.View = c.keeper().OwnView()
	}
	if w.View == nil {
		_, err := early.Hold(w, c.locks.Files)
		return err
	}
	defer w.View.Close()
	var keeper int
	err := nsenter.Outside(func() (err error) { keeper, err = early.Hold(w, c.locks.Files); return err })
	if err == nil {
		c.keeper().Note(w, keeper)
	}
	return err
}
