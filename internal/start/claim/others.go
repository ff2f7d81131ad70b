package claim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Look finds out whether there are earlier Workers of the runner. If that cannot be found out there is
// nothing to wait for.
func (s Start) Look() policy.Presence {
	workers, err := s.workers()
	if err != nil {
		s.cannotLook(err)
		return policy.None
	}
	if len(earlier(workers)) > 0 {
		return policy.Alive
	}
	return policy.None
}

// cannotLook says why earlier Workers are not waited for. Whoever does not know itself cannot be isolated either, and that
// is said then.
func (s Start) cannotLook(err error) {
	if s.Unknown == nil {
		s.Journal.Warn("cannot look for earlier Workers, so does not wait for them: %v", err)
	}
}

// Wait waits for the earlier Workers to end, or, after isolation failed, until none is left in the plain _temp. The
// time counts from this process's start.
func (s Start) Wait(facts policy.Facts) {
	patience, _ := s.Patience()
	var left []presence.Worker
	var err error
	// In the host's view: this thread may be in a namespace with half of the mounts.
	_ = nsenter.Outside(func() error { left, err = s.waitUntil(s.Begun.Add(patience), facts.Failed); return nil })
	if len(left) > 0 {
		s.Journal.Debugf("after %v still alive: %s", patience, pids(left))
	}
	s.Journal.Stage("wait")
	s.Journal.Waited(left, err)
}

// glance is how long a start that waits looks at others that are worker-wrap still. Starts may leave the plain _temp by
// getting their own, or end without having become a Worker. A supervisor stays worker-wrap, and is looked at time after
// time.
const glance = time.Second

func (s Start) waitUntil(until time.Time, failed bool) ([]presence.Worker, error) {
	var before []presence.Worker
	for said := false; ; said = true {
		workers, err := s.workers()
		if err != nil && !said {
			s.cannotLook(err)
			return nil, err
		}
		to := until
		if err == nil { // else those that it has seen are waited for
			before = earlier(workers)
			if failed {
				before = slices.DeleteFunc(s.inTheWay(workers, true), func(w presence.Worker) bool { return w.Ancestor })
			}
			if slices.ContainsFunc(before, func(w presence.Worker) bool { return w.Starting }) {
				to = earliest(until, time.Now().Add(glance))
			}
		}
		if !said {
			s.Journal.Debugf("waiting at most %v for earlier Workers: %s", time.Until(until).Round(time.Millisecond), pids(before))
		}
		left, err := presence.Wait(before, to)
		if err != nil {
			s.Journal.Warn("cannot wait for earlier Workers: %v", err)
		}
		if err != nil || to.Equal(until) || len(before) == 0 {
			return left, err
		}
	}
}

func earliest(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// workers returns the other living Workers of the runner, if there is one.
func (s Start) workers() ([]presence.Worker, error) {
	if s.Runner == nil || s.Unknown != nil {
		return nil, s.Unknown
	}
	workers, err := presence.Find(s.Runner.Root, s.Self)
	s.Journal.Found(workers)
	return workers, err
}

// earlier are those that are worth waiting for.
func earlier(workers []presence.Worker) (out []presence.Worker) {
	for _, w := range workers {
		if w.Earlier && !w.Ancestor {
			out = append(out, w)
		}
	}
	return out
}

// nobodyElse fails if another Worker of the runner is in the way, of those that count.
func (c *claiming) nobodyElse(counts func(presence.Worker) bool) error {
	workers, err := c.workers()
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(c.inTheWay(workers, c.facts.Failed), func(w presence.Worker) bool { return !counts(w) })
	if len(others) > 0 {
		return fmt.Errorf("%w: other Workers of this runner are alive: %s", perpid.ErrClaimed, pids(others))
	}
	return nil
}

// inTheWay are the Workers beside which this one is not alone, wrapped or not; after isolation failed only those in the
// same _temp. One that started later and is worker-wrap still does not count: it finds this one, or this one's claim.
func (s Start) inTheWay(workers []presence.Worker, failed bool) (out []presence.Worker) {
	for _, w := range workers {
		if (w.Earlier || !w.Starting) && (s.strict(failed) || w.Shares(s.Temp)) {
			out = append(out, w)
		}
	}
	return out
}

func pids(workers []presence.Worker) string {
	var b strings.Builder
	for i, w := range workers {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "process %d", w.Owner.PID)
	}
	return b.String()
}
