package doctor

import (
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Level is how a result is meant.
type Level string

// The levels, in rising order.
const (
	OK   Level = "ok"
	Warn Level = "warning" // jobs are protected, but something is not as it should be
	Fail Level = "problem" // jobs are not protected, or do not start
)

// Result is what one check found.
type Result struct {
	Check string `json:"check"` // what was looked at, in a word or two
	Level Level  `json:"level"`
	What  string `json:"found"`          // one sentence
	Why   string `json:"why,omitempty"`  // what it leads to; with a warning or a problem
	Mend  string `json:"mend,omitempty"` // the command that mends it, or what to do

	ofUnit bool // read from the runner's unit, and not tried
}

// RunnerReport is about one runner.
type RunnerReport struct {
	Root      string   `json:"root"`
	User      string   `json:"user"`
	Version   string   `json:"version"`
	Protected bool     `json:"protected"`         // nothing found about it is a [Fail]
	Unknown   bool     `json:"unknown,omitempty"` // it may be protected: whoever looks may not look into it
	Results   []Result `json:"checks"`
}

// Report is everything.
type Report struct {
	Machine []Result       `json:"machine"`
	Runners []RunnerReport `json:"runners"`
}

// Level returns the worst level in the report.
func (r *Report) Level() Level {
	level := worst(r.Machine)
	for _, runner := range r.Runners {
		level = higher(level, worst(runner.Results))
	}
	return level
}

// Why returns the first thing that is wrong enough to leave runner i unprotected, "" if there is none.
func (r *Report) Why(i int) string {
	for _, results := range [][]Result{r.Machine, r.Runners[i].Results} {
		for _, res := range results {
			if res.Level == Fail {
				return res.What
			}
		}
	}
	return ""
}

// ExitCode is 0 if everything is well, 1 with warnings, 2 where jobs are not protected.
func (r *Report) ExitCode() int { return rank(r.Level()) }

func rank(l Level) int {
	switch l {
	case Warn:
		return 1
	case Fail:
		return 2
	}
	return 0
}

func higher(a, b Level) Level {
	if rank(b) > rank(a) {
		return b
	}
	return a
}

func worst(results []Result) Level {
	level := OK
	for _, r := range results {
		level = higher(level, r.Level)
	}
	return level
}

// Runner is what the checks judge of one runner.
type Runner struct {
	survey.Runner
	Install    entry.State
	InstallErr error          // why Install could not be found out
	Shim       program.Binary // what the shim in the current bin leads to
	OldUnits   []string       // unit files of its path unit that are missing, or not those of this version
	Left       left.Found     // processes of dead Workers' jobs
	Strays     int            // see [survey.System.Strays]
	Barred     string         // what keeps the runner's user from running that, see [users.BarredFrom]
}

// Broken is a runner whose .runner cannot be read, or makes no sense.
type Broken struct {
	*runner.ConfigError
	User string // whose its folder is
}

// Facts are what the checks judge.
type Facts struct {
	Machine survey.Machine
	Runners []Runner
	Broken  []Broken
	// Captured is true for a worker-wrap that notes what it inherited before the Go runtime starts.
	Captured bool
	Root     bool // the doctor runs as root
}
