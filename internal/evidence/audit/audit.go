package audit

import (
	"fmt"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/join"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// Run audits the given logs and folders. An error means that nothing was audited: no path is there or has logs, or no
// file has a record. Faults of some of them, or inside the logs, are counted in [Report.Skipped].
func Run(paths []string) (*Report, error) {
	r := &Report{Runners: []Runner{}, Incidents: []*Incident{}, Weeks: []Week{}}
	groups, err := input.Find(paths, &r.Skipped)
	if err != nil {
		return nil, err
	}
	reader := logs.NewReader(&r.Skipped)
	for _, g := range groups {
		r.runner(g, reader)
	}
	if reader.Records == 0 && (r.Shim == nil || r.Shim.Events == 0) {
		return nil, nothing(groups, &r.Skipped)
	}
	slices.SortStableFunc(r.Incidents, func(a, b *Incident) int { return a.From.Compare(b.From) })
	for i, incident := range r.Incidents {
		incident.Number = i + 1
	}
	r.count()
	r.Unsure = r.unsure(reader.Missed)
	r.Verdict = r.verdict() + r.held()
	return r, nil
}

// nothing is the error for files that have neither a record nor an event.
func nothing(groups []*input.Group, skipped *input.Skipped) error {
	const giveLogs = "give a runner's _diag folder or log files"
	if len(skipped.Files) > 0 {
		f, more := skipped.Files[0], ""
		if n := len(skipped.Files) - 1 + skipped.MoreFiles; n > 0 {
			more = " (and " + Count(n, "more file", "more files") + " to skip)"
		}
		return fmt.Errorf("nothing could be audited: %s: %s%s; %s", f.Path, f.Why, more, giveLogs)
	}
	n := 0
	for _, g := range groups {
		n += len(g.Sources)
	}
	return fmt.Errorf("nothing could be audited: no record of a runner in %s; %s", Count(n, "file", "files"), giveLogs)
}

// runner audits one folder.
func (r *Report) runner(g *input.Group, from *logs.Reader) {
	var lives []*logs.Life
	add := func(l *logs.Life) {
		if len(r.lives)+len(lives) >= logs.MaxLives {
			r.Skipped.Lives++
			return
		}
		lives = append(lives, l)
	}
	before := from.LineCount
	from.ReadGroup(g, add)
	all := slices.Clone(lives)
	lives = slices.DeleteFunc(join.Lives(lives), func(l *logs.Life) bool { return !l.Start.Known() })
	r.readEvents(g, lives)
	r.wait(g, all)
	summary := Runner{Dir: input.Text([]byte(g.Dir), input.MaxText), Files: len(g.Sources), Lines: from.LineCount - before, Jobs: len(lives)}
	for _, s := range g.Sources {
		summary.Bytes += s.Bytes
	}
	if len(lives) > 0 {
		from, to := lives[0].Start.When.Time(), lives[0].End.When.Time()
		for _, l := range lives {
			if end := l.End.When.Time(); end.After(to) {
				to = end
			}
		}
		summary.From, summary.To = &from, &to
	}
	r.Runners = append(r.Runners, summary)
	r.lives = append(r.lives, lives...)
	for _, o := range overlaps(lives) {
		r.Incidents = append(r.Incidents, o.incident(g))
	}
}
