package shim

import (
	"fmt"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
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

// wait waits for the earlier Workers to end. The time counts from this process's start.
func (r *run) wait() {
	f := &r.course.facts
	f.Waited, f.Claim = true, policy.Untried
	patience, _ := r.patience()
	workers, err := r.workers()
	if err != nil {
		r.warn("cannot look for earlier Workers, so does not wait for them: %v", err)
		return
	}
	before := earlier(workers)
	r.log.debugf("waiting at most %v for earlier Workers: %s", patience, pids(before))
	left, err := presence.Wait(before, r.timing.begun.Add(patience))
	if err != nil {
		r.warn("cannot wait for earlier Workers: %v", err)
	}
	if len(left) > 0 {
		r.log.debugf("after %v still alive: %s", patience, pids(left))
	}
	r.stage("wait")
	r.recordWait(left, err)
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

// alone fails if another Worker of the runner is alive, wrapped or not. One that started later and is
// worker-wrap still does not count: it finds this one, or this one's claim.
func (r *run) alone() error {
	if r.Root == "" {
		return nil
	}
	workers, err := r.workers()
	if err != nil {
		return err
	}
	var others []presence.Worker
	for _, w := range workers {
		if w.Earlier || !w.Starting {
			others = append(others, w)
		}
	}
	if len(others) > 0 {
		return fmt.Errorf("%w: other Workers of this runner are alive: %s", perpid.ErrClaimed, pids(others))
	}
	return nil
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
