package audit

import (
	"fmt"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// unsure lists symptoms of the race (missing files, a cancelled Worker without an end) that no overlap explains.
func (r *Report) unsure(missed input.At) []string {
	if r.Found() {
		return nil
	}
	var lost, ended found
	overlapped := map[*logs.Life]bool{}
	for _, i := range r.Incidents {
		overlapped[i.overlap.a] = true
	}
	for _, l := range r.lives {
		for _, f := range l.Failures {
			if f.LostCommandFile() {
				lost.add(f.At)
				break
			}
		}
		for _, c := range [...]input.At{l.Forced, l.CancelSent, l.Cancelled} {
			if c.Known() && !l.Finished.Known() && !l.Completed.Known() && !overlapped[l] {
				ended.add(c)
				break
			}
		}
	}
	var why []string
	if lost.n > 0 {
		why = append(why, fmt.Sprintf("%s missed files that another Worker's cleanup deletes (%s)", Count(lost.n, "job", "jobs"), lost.first.Place()))
	}
	if ended.n > 0 {
		why = append(why, fmt.Sprintf("%s was cancelled and no line tells its end (%s)", Count(ended.n, "Worker", "Workers"), ended.first.Place()))
	}
	if lost.n == 0 && missed.File != nil {
		why = append(why, fmt.Sprintf("%q stands where no Worker's log is (%s)", logs.Missing, missed.Place()))
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
