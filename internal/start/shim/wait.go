package shim

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

// lockPatience is how long a start waits for another that is looking whether it is alone, which takes
// some milliseconds.
const lockPatience = 2 * time.Second

// patience returns how long this start may wait, and a warning where that is too long.
func (r *run) patience() (time.Duration, string) {
	return r.Settings.Policy.Patience(r.getenv(policy.ChannelTimeoutVar))
}

// look finds out whether there are earlier Workers of the runner. Where that cannot be found out there is
// nothing to wait for.
func (r *run) look() {
	r.course.facts.Earlier = policy.None
	if r.Root == "" {
		return
	}
	workers, err := r.workers()
	if err != nil {
		r.warn("cannot look for earlier Workers, so does not wait for them: %v", err)
		return
	}
	if len(earlier(workers)) > 0 {
		r.course.facts.Earlier = policy.Alive
	}
}

// wait waits for the earlier Workers to end, or, after isolation failed, until none is left in the real _temp. The
// time counts from this process's start.
func (r *run) wait() {
	f := &r.course.facts
	f.Waited, f.Claim = true, policy.Untried
	patience, _ := r.patience()
	until := r.timing.begun.Add(patience)
	var left []presence.Worker
	var err error
	// In the view that others have: this thread may be in a namespace with half of the mounts.
	_ = nsenter.Outside(func() error { left, err = r.waitFor(until); return nil })
	if len(left) > 0 {
		r.log.debugf("after %v still alive: %s", patience, pids(left))
	}
	r.stage("wait")
	r.recordWait(left, err)
}

// glance is how long a start that waits for others to leave the real _temp looks at those that are starts themselves:
// they may leave it by getting their own.
const glance = time.Second

func (r *run) waitFor(until time.Time) ([]presence.Worker, error) {
	for said := false; ; said = true {
		workers, err := r.workers()
		if err != nil {
			r.warn("cannot look for earlier Workers, so does not wait for them: %v", err)
			return nil, err
		}
		before, to := earlier(workers), until
		if r.course.facts.Failed {
			before = slices.DeleteFunc(r.inTheWay(workers), func(w presence.Worker) bool { return w.Ancestor })
			if slices.ContainsFunc(before, func(w presence.Worker) bool { return w.Starting }) {
				to = earliest(until, time.Now().Add(glance))
			}
		}
		if !said {
			r.log.debugf("waiting at most %v for earlier Workers: %s", time.Until(until).Round(time.Millisecond), pids(before))
		}
		left, err := presence.Wait(before, to)
		if err != nil {
			r.warn("cannot wait for earlier Workers: %v", err)
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

// workers returns the other living Workers of the runner.
func (r *run) workers() ([]presence.Worker, error) {
	if err := r.identify(); err != nil {
		return nil, err
	}
	workers, err := presence.Find(r.Root, r.self)
	r.course.alive = nil
	for _, w := range workers {
		r.course.alive = append(r.course.alive, w.Owner.PID)
	}
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

// alone fails if another Worker of the runner is in the way.
func (r *run) alone() error {
	if r.Root == "" {
		return nil
	}
	workers, err := r.workers()
	if err != nil {
		return err
	}
	if others := r.inTheWay(workers); len(others) > 0 {
		return fmt.Errorf("%w: other Workers of this runner are alive: %s", perpid.ErrClaimed, pids(others))
	}
	return nil
}

// inTheWay are the Workers beside which this one is not alone, wrapped or not; after isolation failed only those in the
// same _temp. One that started later and is worker-wrap still does not count: it finds this one, or this one's claim.
func (r *run) inTheWay(workers []presence.Worker) (out []presence.Worker) {
	for _, w := range workers {
		if (w.Earlier || !w.Starting) && (r.strict() || w.Shares(r.Temp)) {
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

// getenv is getenv(3) for the environment that the shim was given.
func (r *run) getenv(name string) string { return lookupEnv(r.Env, name) }
