package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// maxHeld bounds the held jobs that are kept.
const maxHeld = 10_000

// wait notes which jobs of a runner were held, and which never came.
func (r *Report) wait(g *input.Group, lives []*logs.Life) {
	for _, l := range lives {
		if l.Dropped.Known() {
			r.Totals.Dropped++
		}
		if l.Held() < 1 {
			continue
		}
		r.Totals.Held++
		if len(r.Held) < maxHeld {
			by := l.HeldBy
			r.Held = append(r.Held, Held{
				Runner: input.Text([]byte(g.Dir), input.MaxText), ID: l.Job, Name: l.Name,
				From: l.Received.When.Time(), To: l.HeldTo.When.Time(), Seconds: l.Held(), Started: l.Start.Known(),
				By: Job{
					ID: by.Job, Name: by.Name, PID: by.PID, Start: by.Start.When.Time(), End: by.End.When.Time(), Result: by.Result,
					Cancelled: true, Harm: NoHarm, Wrapped: by.Wrapped, Temp: by.Temp, Version: by.Version,
				},
			})
		}
	}
	slices.SortStableFunc(r.Held, func(a, b Held) int { return cmp.Compare(b.Seconds, a.Seconds) })
}

// String says it in a sentence.
func (h Held) String() string {
	by := fmt.Sprintf("the cancelled Worker of %s", named(h.By.Name, h.By.ID))
	if h.By.PID != 0 {
		by += fmt.Sprintf(" (PID %d)", h.By.PID)
	}
	since := h.From.Format(time.DateTime)
	if !h.Started {
		return fmt.Sprintf("%s came at %s UTC and had not started %d s later, at the end of the logs: held by %s", named(h.Name, h.ID), since, h.Seconds, by)
	}
	return fmt.Sprintf("%s came at %s UTC and started %d s later: held by %s", named(h.Name, h.ID), since, h.Seconds, by)
}

// named is a job by its name and the first part of its id.
func named(name, id string) string {
	if name == "" {
		return "job " + logs.ShortID(id)
	}
	return fmt.Sprintf("%s (%s)", name, logs.ShortID(id))
}

// held is what a verdict says of the jobs that were held.
func (r *Report) held() string {
	if len(r.Held) == 0 {
		return ""
	}
	return fmt.Sprintf(" %s held until a cancelled Worker had ended, up to %d s.", Count(r.Totals.Held, "job was", "jobs were"), r.Held[0].Seconds)
}
