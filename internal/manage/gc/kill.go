package gc

import (
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// kill ends the processes that a runner's jobs have left.
func kill(l runner.Layout, o Options, r *Report) error {
	find := func() ([]left.Process, error) {
		found, err := left.Of(l)
		for i := range found.Processes {
			if p := &found.Processes[i]; p.Why == "" && o.OlderThan > 0 && time.Since(p.Since) < o.OlderThan {
				p.Why = "it has started more recently"
			}
		}
		r.Hidden = found.Hidden
		return found.Processes, err
	}
	if o.DryRun {
		list, err := find()
		for _, p := range list {
			if p.Why == "" {
				r.Ended = append(r.Ended, p)
			} else {
				r.NotEnded = append(r.NotEnded, p)
			}
		}
		return err
	}
	done, err := left.End(find, left.Grace)
	r.Ended, r.NotEnded = done.Gone, done.Left
	return err
}
