package audit

import (
	"slices"
)

// Run audits the given logs and folders. An error means that nothing was audited: a path that is not
// there, or a folder without logs. What is wrong inside the logs is counted in [Report.Skipped].
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
	arrange(r.Incidents, func(a, b *Incident) int { return a.From.Compare(b.From) })
	for i, incident := range r.Incidents {
		incident.Number = i + 1
	}
	r.count()
	r.Verdict = r.verdict()
	return r, nil
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
