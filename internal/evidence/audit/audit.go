package audit

import (
	"fmt"
	"slices"
)

// Run audits the given logs and folders. An error means that nothing was audited: a path that is not
// there, a folder without logs, or files without a single record. What is wrong inside the logs is counted
// in [Report.Skipped].
func Run(paths []string) (*Report, error) {
	groups, err := find(paths)
	if err != nil {
		return nil, err
	}
	r := &Report{Runners: []Runner{}, Incidents: []*Incident{}, Weeks: []Week{}}
	reader := &logReader{lines: newLineReader(nil), skipped: &r.Skipped}
	for _, g := range groups {
		r.runner(g, reader)
	}
	if reader.records == 0 && (r.Shim == nil || r.Shim.Events == 0) {
		return nil, nothing(groups, &r.Skipped)
	}
	slices.SortStableFunc(r.Incidents, func(a, b *Incident) int { return a.From.Compare(b.From) })
	for i, incident := range r.Incidents {
		incident.Number = i + 1
	}
	r.count()
	r.Unsure = r.unsure(reader.missed)
	r.Verdict = r.verdict()
	return r, nil
}

// nothing is the error for files that have neither a record nor an event.
func nothing(groups []*group, skipped *Skipped) error {
	const giveLogs = "give a runner's _diag folder or log files"
	if len(skipped.Files) > 0 {
		f, more := skipped.Files[0], ""
		if n := len(skipped.Files) - 1 + skipped.MoreFiles; n > 0 {
			more = " (and " + count(n, "more file", "more files") + " to skip)"
		}
		return fmt.Errorf("nothing could be audited: %s: %s%s; %s", f.Path, f.Why, more, giveLogs)
	}
	n := 0
	for _, g := range groups {
		n += len(g.sources)
	}
	return fmt.Errorf("nothing could be audited: no record of a runner in %s; %s", count(n, "file", "files"), giveLogs)
}

// runner audits one folder.
func (r *Report) runner(g *group, reader *logReader) {
	var lives []*Life
	add := func(l *Life) {
		if len(r.lives)+len(lives) >= maxLives {
			r.Skipped.Lives++
			return
		}
		lives = append(lives, l)
	}
	before := reader.lineN
	reader.readGroup(g, add)
	lives = slices.DeleteFunc(join(lives), func(l *Life) bool { return !l.start.known() })
	r.readEvents(g, lives)
	summary := Runner{Dir: text([]byte(g.dir), maxText), Files: len(g.sources), Lines: reader.lineN - before, Jobs: len(lives)}
	for _, s := range g.sources {
		summary.Bytes += s.bytes
	}
	if len(lives) > 0 {
		from, to := lives[0].start.when.time(), lives[0].end.when.time()
		for _, l := range lives {
			if end := l.end.when.time(); end.After(to) {
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
