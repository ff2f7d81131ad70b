package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Journal is what a start tells of itself: on stderr, and as events in the runner's log. Nothing that a start does
// depends on it, so it is only written.
type Journal struct {
	debug  *logrus.Logger // nil without WORKER_WRAP_LOG=debug: every start would pay for it
	job    bool           // it is a Worker's start
	diag   string         // the folder of the runner's log, "" if there is no runner
	self   events.Process
	last   time.Time // when the last part of the start ended
	stages []events.Stage
	Alive  []int // PIDs of the other Workers that were found
	unkept error // why nothing keeps the locks of the plain _temp
}

// New returns the journal of a start that has begun then.
func New(p plan.Plan, self perpid.Owner, begun time.Time) *Journal {
	j := &Journal{job: p.Worker != nil, diag: p.Diag(), self: events.Process{PID: os.Getpid(), Start: self.Start}, last: begun}
	if p.Settings.Debug {
		origin.Traces()
		j.debug = logrus.New()
		j.debug.SetOutput(os.Stderr)
		j.debug.SetLevel(logrus.DebugLevel)
		j.debug.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, DisableColors: true})
	}
	return j
}

// Debugf reports a step on stderr, if WORKER_WRAP_LOG asks for it.
func (j *Journal) Debugf(format string, args ...any) {
	if j.debug != nil {
		j.debug.Debugf(format, args...)
	}
}

// Warn writes one line to stderr, which the Listener keeps.
func (j *Journal) Warn(format string, args ...any) {
	origin.Quiet() // nobody may be reading
	fmt.Fprintln(os.Stderr, "worker-wrap:", visible.Line(fmt.Sprintf(format, args...)))
}

// Stage ends a part of the start. The time since the part before is this one's.
func (j *Journal) Stage(name string) {
	now := time.Now()
	j.stages = append(j.stages, events.Stage{Name: name, Duration: now.Sub(j.last)})
	j.last = now
}

// Found notes which other Workers are alive.
func (j *Journal) Found(workers []presence.Worker) {
	j.Alive = pidsOf(workers)
}

// Beside notes one more.
func (j *Journal) Beside(pid int) {
	if !slices.Contains(j.Alive, pid) {
		j.Alive = append(j.Alive, pid)
	}
}

func pidsOf(workers []presence.Worker) (pids []int) {
	for _, w := range workers {
		pids = append(pids, w.Owner.PID)
	}
	return pids
}

// write adds an event of this start to the runner's log. A start by hand over any folder has no log, and if it cannot be
// written the start goes on.
func (j *Journal) write(e events.Event) {
	if j.diag == "" {
		return
	}
	e.PID, e.Job = j.self.PID, j.self
	if err := events.Append(j.diag, e); err != nil {
		j.Debugf("%v", err)
	}
}

// Started tells of the program at path, which this process is about to become with that _temp.
func (j *Journal) Started(path, outcome, temp string) {
	j.self.Exe = path
	e := events.Event{Kind: events.Start, Outcome: outcome, Stages: j.stages, Alive: j.Alive}
	if outcome == events.Private {
		e.Dir = temp
	}
	e.Namespace, _ = nsenter.MountNamespace()
	j.write(e)
}

// Refused tells of a start that came to nothing. The job's page has the reason too, but an administrator looks into the
// machine's journal.
func (j *Journal) Refused(why string) {
	if j.job && j.diag != "" && why != "" {
		journald.Error("a job of the runner in " + filepath.Dir(j.diag) + " was not started: " + why)
	}
	j.write(events.Event{Kind: events.Start, Outcome: events.Refused, Stages: j.stages, Alive: j.Alive, Error: why})
}

// Kept notes whether the locks of the plain _temp were left to a keeper.
func (j *Journal) Kept(err error) {
	if j.unkept = err; err != nil {
		j.Debugf("nothing keeps the locks of the plain _temp: %v", err)
	}
}

// FellBack tells of an isolation that failed and did not stop the start of the program at path.
func (j *Journal) FellBack(path string, why error) {
	j.self.Exe = path
	if j.unkept != nil {
		why = fmt.Errorf("%w; and nothing keeps its locks, so a start in another container does not know of it: %w", why, j.unkept)
	}
	j.write(events.Event{Kind: events.Fallback, Outcome: events.Plain, Alive: j.Alive, Error: why.Error()})
}

// NoProxy tells of a Docker socket that stays as it is.
func (j *Journal) NoProxy(dir string, why error) {
	j.write(events.Event{Kind: events.NoProxy, Dir: dir, Outcome: events.Failed, Error: why.Error()})
}

// Unnoted tells of a Worker of which nobody can find what it leaves.
func (j *Journal) Unnoted(why error) {
	j.Debugf("what this job leaves running cannot be found: %v", why)
	j.write(events.Event{Kind: events.Unnoted, Outcome: events.Failed, Error: why.Error()})
}

// Elsewhere tells of a private folder that lies on another file system than _temp.
func (j *Journal) Elsewhere(home string) {
	j.Debugf("_temp is a mount of its own: the folder in its place lies on another file system, in %s", home)
	j.write(events.Event{Kind: events.Elsewhere, Dir: home})
}

// Waited tells of a wait for earlier Workers, and who outlived it.
func (j *Journal) Waited(left []presence.Worker, err error) {
	e := events.Event{Kind: events.Wait, Outcome: events.Waited, Stages: j.stages, Alive: pidsOf(left)}
	if len(left) > 0 {
		e.Outcome = events.Failed
	}
	if err != nil {
		e.Outcome, e.Error = events.Failed, err.Error()
	}
	j.write(e)
}
