package status

import (
	"os"
	"slices"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/doctor"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

// Runner is one runner at this moment.
type Runner struct {
	Root      string `json:"root"`
	Protected bool   `json:"protected"`         // as far as reading tells, and else by a try, see package doctor
	Why       string `json:"why,omitempty"`     // why it is not
	Unknown   bool   `json:"unknown,omitempty"` // it may be: whoever looks may not look into it
	Version   string `json:"version"`
	User      string `json:"user"`
	Listener  int    `json:"listener,omitempty"` // PID, left out if none runs
	// Isolate is which Workers are isolated, a value of WORKER_WRAP_ISOLATE, and IsolateFrom is where that is set, "" if
	// nowhere.
	Isolate     string `json:"isolate"`
	IsolateFrom string `json:"isolateFrom,omitempty"`
	// IsolateWhy is what says more of that: another setting, which comes before ISOLATE or beside it.
	IsolateWhy []string         `json:"isolateWhy,omitempty"`
	Workers    []workers.Worker `json:"workers"` // those that are alive
	Last       *Start           `json:"lastStart,omitempty"`
	// Harmless counts the starts since then that got a _temp of their own while another Worker lived.
	Harmless int       `json:"harmlessOverlaps"`
	Since    time.Time `json:"recordedSince,omitzero"`

	command program.Command
}

// Start is how the last start on record went.
type Start struct {
	Time    time.Time `json:"time"`
	Outcome string    `json:"outcome"`
	Waited  float64   `json:"waitedSeconds,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// Gather looks at the runners with these layouts, and those that have none. hidden is how many processes could not be looked into
// for lack of rights.
func Gather(layouts []runner.Layout, broken []*runner.ConfigError, captured bool) (out []Runner, hidden int, err error) {
	alive, hidden, err := workers.All()
	if err != nil {
		return nil, 0, err
	}
	facts := checks.Gather(layouts, broken, captured)
	report := doctor.Judge(facts)
	if self, err := os.Executable(); err == nil {
		report.TryIfNeeded(facts, self)
	}
	out = []Runner{}
	for i := range facts.Runners {
		out = append(out, one(&facts.Runners[i], &report, i, alive))
	}
	for _, r := range report.Runners[len(out):] {
		out = append(out, Runner{Root: r.Root, Unknown: r.Unknown, Why: r.Results[0].What, User: r.User, Workers: []workers.Worker{}, command: facts.Command})
	}
	return out, hidden, nil
}

func one(r *checks.Runner, report *doctor.Report, i int, alive []workers.Worker) Runner {
	s := Runner{
		Root: r.Layout.Root, Version: r.Version, User: r.User,
		Protected: report.Runners[i].Protected, Workers: []workers.Worker{}, Last: start(r.Last), command: r.Command,
	}
	if !s.Protected {
		s.Why = report.Why(i)
	}
	if r.Listener != nil {
		s.Listener = r.Listener.PID
	}
	how := r.Isolation()
	s.Isolate, s.IsolateFrom = how.Value, how.From
	if how.Mounts != "" {
		s.IsolateWhy = append(s.IsolateWhy, "each Worker gets a _temp of its own, though WORKER_WRAP_ISOLATE is "+how.Instead+": that takes "+how.Mounts)
	}
	if how.Leftovers != "" {
		s.IsolateWhy = append(s.IsolateWhy, "each Worker has a mount namespace of its own, in which nothing more is mounted: "+how.Leftovers)
	}
	record := record.All(r.Layout.Diag())
	s.Harmless, s.Since = record.Harmless, record.Since
	for _, w := range alive {
		// By its folder, which is the runner's even if a command was started by hand.
		if slices.Contains(r.Workers, w.PID) || w.In(r.Layout) {
			s.Workers = append(s.Workers, w)
		}
	}
	return s
}

func start(e *record.Start) *Start {
	if e == nil {
		return nil
	}
	return &Start{e.Time, e.Outcome, e.Waited.Seconds(), e.Error}
}
