package shim

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// timing is when a start began, and how long its parts took.
type timing struct {
	begun, last time.Time
	stages      []events.Stage
}

func (r *run) begin() {
	r.timing.begun = time.Now()
	r.timing.last = r.timing.begun
}

// stage ends a part of the start. The time since the part before is this one's.
func (r *run) stage(name string) {
	now := time.Now()
	r.timing.stages = append(r.timing.stages, events.Stage{Name: name, Duration: now.Sub(r.timing.last)})
	r.timing.last = now
}

// record writes an event of this start to the runner's log. Nothing depends on it: a start by hand
// over any folder has no log, and where it cannot be written the start goes on.
func (r *run) record(e events.Event) {
	if r.Root == "" {
		return
	}
	e.PID = os.Getpid()
	if e.Job.PID == 0 {
		e.Job = events.Process{PID: e.PID, Start: r.self.Start, Exe: r.path}
	}
	if err := events.Append(filepath.Join(r.Root, "_diag"), e); err != nil {
		r.log.debugf("%v", err)
	}
}

// recordStart tells of the program that this process is about to become.
func (r *run) recordStart() {
	e := events.Event{Kind: events.Start, Outcome: r.outcome(), Stages: r.timing.stages, Alive: r.course.alive}
	if e.Outcome == events.Private {
		e.Dir = r.host
	}
	e.Namespace, _ = nsenter.MountNamespace()
	r.record(e)
}

// outcome says in which _temp the program is.
func (r *run) outcome() string {
	switch {
	case r.course.step == policy.Isolate:
		return events.Private
	case r.leftAlone():
		return events.Alone
	}
	return events.Plain
}

// recordRefusal tells of a start that came to nothing.
func (r *run) recordRefusal(f *Failure) {
	e := events.Event{Kind: events.Start, Outcome: events.Refused, Stages: r.timing.stages, Alive: r.course.alive, Error: f.Error()}
	if f.Err == nil {
		if r.course.failed == nil {
			return // the program ran, as a child
		}
		e.Error = r.course.failed.Error()
	}
	r.record(e)
}

// recordFallback tells of an isolation that failed and did not stop the start.
func (r *run) recordFallback() {
	err := r.course.failed
	if r.course.unkept != nil {
		err = fmt.Errorf("%w; and nothing keeps its locks, so a start in another container does not know of it: %w", err, r.course.unkept)
	}
	r.record(events.Event{Kind: events.Fallback, Outcome: events.Plain, Alive: r.course.alive, Error: err.Error()})
}

// recordNoProxy tells of a Docker socket that stays as it is.
func (r *run) recordNoProxy(why error) {
	r.record(events.Event{Kind: events.NoProxy, Dir: r.host, Outcome: events.Failed, Error: why.Error()})
}

// recordWait tells of a wait for earlier Workers, and who outlived it.
func (r *run) recordWait(left []presence.Worker, err error) {
	e := events.Event{Kind: events.Wait, Outcome: events.Waited, Stages: r.timing.stages}
	for _, w := range left {
		e.Outcome = events.Failed
		e.Alive = append(e.Alive, w.Owner.PID)
	}
	if err != nil {
		e.Outcome, e.Error = events.Failed, err.Error()
	}
	r.record(e)
}
