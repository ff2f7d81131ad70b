package audit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// Count makes the totals and the weeks.
func (r *Report) count() {
	harmed := map[*logs.Life]Harm{}
	fates := map[*logs.Life]fate{}
	overlapped := map[*logs.Life]bool{}
	weeks := map[string]*Week{}
	week := func(s input.Stamp) *Week {
		year, number := s.Time().ISOWeek()
		key := fmt.Sprintf("%04d-W%02d", year, number)
		if weeks[key] == nil {
			weeks[key] = &Week{Week: key}
		}
		return weeks[key]
	}
	for _, incident := range r.Incidents {
		o := incident.overlap
		r.Totals.Overlaps++
		week(o.from).Overlaps++
		if o.shielded {
			r.Totals.Shielded++
		}
		for _, d := range o.deadly {
			if !d.atStart && !o.shielded {
				r.Totals.Cleanups++
			}
			overlapped[d.victim] = true
			if d.harm == Certain || d.harm == Possible && harmed[d.victim] == "" {
				harmed[d.victim] = d.harm
			}
			if d.harm == Certain {
				fates[d.victim] = max(fates[d.victim], d.fate())
			}
		}
	}
	for _, l := range r.lives {
		r.Totals.Jobs++
		w := week(l.Start.When)
		w.Jobs++
		if l.Forced.Known() {
			r.Totals.Cancelled++
		}
		if l.Exists.Known() {
			r.Totals.Exists++
		}
		switch {
		case harmed[l] == Certain:
			r.Totals.Harmed++
			w.Harmed++
			switch fates[l] {
			case endedWell:
				r.Totals.Lost++
				w.Lost++
			case failed:
				r.Totals.Failed++
			case endedOtherwise:
			}
		case harmed[l] == Possible:
			r.Totals.PossiblyHarmed++
			w.PossiblyHarmed++
		case len(l.Failures) > 0 && !overlapped[l]:
			r.Totals.Unexplained++
		}
	}
	for _, w := range weeks {
		r.Weeks = append(r.Weeks, *w)
	}
	slices.SortStableFunc(r.Weeks, func(a, b Week) int { return cmp.Compare(a.Week, b.Week) })
}

// Found reports whether Workers shared a _temp, unshielded: whether the race was open.
func (r *Report) Found() bool { return r.Totals.Overlaps > r.Totals.Shielded }

func (r *Report) verdict() string {
	t := r.Totals
	switch {
	case t.Jobs == 0 && r.Shim != nil:
		return "No log of a Worker here: what follows is worker-wrap's own record."
	case t.Jobs == 0:
		return "Cannot tell: " + strings.Join(r.Unsure, ", and ") + ". Give the whole _diag of the runner."
	case len(r.Unsure) > 0:
		return fmt.Sprintf("Cannot tell: %s, but %s. Give the whole _diag of the runner.", t.quiet(), strings.Join(r.Unsure, ", and "))
	case t.Harmed > 0:
		return fmt.Sprintf("Yes: the race hit this runner. %s, because another Worker emptied the _temp they shared.", t.harm())
	case t.PossiblyHarmed > 0:
		return fmt.Sprintf("Perhaps: %s failed after another Worker had emptied the _temp they shared, and no line says why.", Count(t.PossiblyHarmed, "job", "jobs"))
	case r.Found():
		return fmt.Sprintf("The race was open %s, and no job shows harm from it.", times(t.Overlaps-t.Shielded))
	}
	return "No: " + t.quiet() + "."
}

// harm says how the harmed jobs ended, the worst first.
func (t Totals) harm() string {
	var parts []string
	if t.Lost > 0 {
		parts = append(parts, Count(t.Lost, "job ended well without what its steps had set", "jobs ended well without what their steps had set"))
	}
	if t.Failed > 0 {
		parts = append(parts, Count(t.Failed, "job failed", "jobs failed"))
	}
	if other := t.Harmed - t.Lost - t.Failed; other > 0 {
		parts = append(parts, Count(other, "job lost files and ended otherwise", "jobs lost files and ended otherwise"))
	}
	if last := len(parts) - 1; last > 0 {
		return strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	return parts[0]
}

// quiet says what was found where no shared _temp was.
func (t Totals) quiet() string {
	switch {
	case t.Overlaps > 0:
		return fmt.Sprintf("Workers overlapped %s, with worker-wrap in between", times(t.Overlaps))
	case t.Jobs == 1:
		return "these logs tell of one Worker only"
	}
	return fmt.Sprintf("in these logs no two of %s overlap", Count(t.Jobs, "Worker", "Workers"))
}

// Count is a number with its noun.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Total is one of the totals, in words.
type Total struct {
	N    int
	What string
	Bad  bool
}

// List has the totals in words; a total of zero that needs no saying is left out.
func (t Totals) List() []Total {
	all := []Total{
		total(t.Jobs, "job (Worker seen)", "jobs (Workers seen)"),
		total(t.Overlaps, "overlap of two Workers", "overlaps of two Workers"),
		total(t.Shielded, "overlap with worker-wrap in between", "overlaps with worker-wrap in between"),
		total(t.Cleanups, "cleanup of the shared _temp inside another Worker's life", "cleanups of the shared _temp inside another Worker's life"),
		bad(t.Lost, "job that ended well without what its steps had set", "jobs that ended well without what their steps had set"),
		bad(t.Failed, "job that failed on files that it had deleted", "jobs that failed on files that it had deleted"),
		bad(t.Harmed-t.Lost-t.Failed, "job that lost files to it and ended otherwise", "jobs that lost files to it and ended otherwise, mostly cancelled"),
		total(t.PossiblyHarmed, "job that failed after it, with no line that says why", "jobs that failed after it, with no line that says why"),
		total(t.Cancelled, "job that the runner cancelled right away for the next one (actions/runner #4670)", "jobs that the runner cancelled right away for the next one (actions/runner #4670)"),
		total(t.Held, "job that was held until a cancelled Worker had ended", "jobs that were held until a cancelled Worker had ended"),
		total(t.Dropped, "job that the service would not give any more when the runner asked (actions/runner #4728)", "jobs that the service would not give any more when the runner asked (actions/runner #4728)"),
		total(t.Exists, "job that met a file in _diag/pages which a killed Worker had left (“already exists”)", "jobs that met a file in _diag/pages which a killed Worker had left (“already exists”)"),
		total(t.Unexplained, "job that missed files in _temp with no overlap in these logs", "jobs that missed files in _temp with no overlap in these logs"),
	}
	return append(all[:2:2], slices.DeleteFunc(all[2:], func(x Total) bool { return x.N == 0 })...)
}

func total(n int, one, many string) Total {
	if n == 1 {
		many = one
	}
	return Total{N: n, What: many}
}

func bad(n int, one, many string) Total {
	t := total(n, one, many)
	t.Bad = true
	return t
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
