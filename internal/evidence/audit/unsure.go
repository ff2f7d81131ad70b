package audit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// unsure lists what speaks against a "no": symptoms of the race (missing files, a cancelled Worker without an end) that no
// overlap explains, and what is missing of the Workers' lives. A Worker's own log cannot show that another lived beside it;
// only the Listener's tells of all.
func (r *Report) unsure(missed input.At) []string {
	if r.Found() {
		return nil
	}
	var lost, cancelled, endless, beginless, alone found
	overlapped := map[*logs.Life]bool{}
	for _, i := range r.Incidents {
		overlapped[i.overlap.a] = true
	}
	for _, l := range r.lives {
		if i := slices.IndexFunc(l.Failures, logs.Failure.LostCommandFile); i >= 0 {
			lost.add(l.Failures[i].At)
		}
		if !l.Finished.Known() && !l.Completed.Known() && !overlapped[l] {
			if c := cmp.Or(l.Forced, l.CancelSent, l.Cancelled); c.Known() {
				cancelled.add(c)
			} else {
				endless.add(l.End)
			}
		}
		if l.Running {
			beginless.add(l.Start)
		}
		if !l.Seen.Known() {
			alone.add(l.Start)
		}
	}
	var why []string
	add := func(f found, format string) {
		if f.n > 0 {
			why = append(why, fmt.Sprintf(format, f.first.Place(), Count(f.n, "job", "jobs"), Count(f.n, "Worker", "Workers")))
		}
	}
	if len(r.lives) == 0 {
		why = append(why, "these logs tell of no job")
	}
	add(lost, "%[2]s missed files that another Worker's cleanup deletes (%[1]s)")
	add(cancelled, "%[3]s was cancelled and no line tells its end (%[1]s)")
	add(endless, "no line tells the end of %[3]s (%[1]s)")
	add(beginless, "no line tells the beginning of %[3]s (%[1]s)")
	add(alone, "no Listener's log (Runner_*.log) tells what lived beside %[3]s (%[1]s)")
	if lost.n == 0 && missed.File != nil {
		why = append(why, fmt.Sprintf("%q is outside of any Worker's log (%s)", logs.Missing, missed.Place()))
	}
	if len(r.Skipped.Files) > 0 {
		why = append(why, fmt.Sprintf("not everything could be read (%s)", r.Skipped.Files[0].Path))
	}
	if r.Skipped.Lives > 0 {
		why = append(why, Count(int(r.Skipped.Lives), "Worker is", "Workers are")+" more than an audit compares")
	}
	return why
}

// found are places of which the first is shown.
type found struct {
	n     int
	first input.At
}

func (f *found) add(a input.At) {
	if f.n++; f.n == 1 {
		f.first = a
	}
}
