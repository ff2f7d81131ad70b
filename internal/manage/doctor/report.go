package doctor

import (
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
)

// RunnerReport is about one runner.
type RunnerReport struct {
	Root      string          `json:"root"`
	User      string          `json:"user"`
	Version   string          `json:"version"`
	Protected bool            `json:"protected"`         // nothing found about it is a [checks.Fail]
	Unknown   bool            `json:"unknown,omitempty"` // it may be protected: whoever looks may not look into it
	Results   []checks.Result `json:"checks"`
}

// Report is everything.
type Report struct {
	Machine []checks.Result `json:"machine"`
	Runners []RunnerReport  `json:"runners"`
}

// Level returns the worst level in the report.
func (r *Report) Level() checks.Level {
	all := slices.Clone(r.Machine)
	for _, runner := range r.Runners {
		all = append(all, runner.Results...)
	}
	return checks.Worst(all)
}

// Why returns the first thing that is wrong enough to leave runner i unprotected, "" if there is none.
func (r *Report) Why(i int) string {
	for _, results := range [][]checks.Result{r.Machine, r.Runners[i].Results} {
		for _, res := range results {
			if res.Level == checks.Fail {
				return res.What
			}
		}
	}
	return ""
}

// ExitCode is 0 if everything is well, 1 with warnings, 2 if jobs are not protected.
func (r *Report) ExitCode() int { return r.Level().Rank() }
