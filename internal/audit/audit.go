package audit

import (
	"cmp"
	"fmt"
	"slices"
	"time"
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
	slices.SortStableFunc(r.Incidents, func(a, b *Incident) int { return a.From.Compare(b.From) })
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

func (o *overlap) incident(g *group) *Incident {
	return &Incident{
		Runner: text([]byte(g.dir), maxText), A: o.job(o.a), B: o.job(o.b),
		From: o.from.time(), To: o.to.time(), Seconds: int64(o.to - o.from), Shielded: o.shielded,
		Timeline: o.timeline(), Failed: o.failed(), WithShim: o.withShim(), overlap: o,
	}
}

func (o *overlap) job(l *Life) Job {
	j := Job{
		ID: l.job, Name: l.name, PID: l.pid, Start: l.start.when.time(), End: l.end.when.time(), Result: l.result,
		Cancelled: l.forced.known(), Harm: o.harmTo(l), Wrapped: l.wrapped, Temp: l.temp, Version: l.version,
	}
	if code := l.exit(); code >= 0 {
		j.ExitCode = &code
	}
	return j
}

// failed lists what went wrong because of the overlap, in words.
func (o *overlap) failed() []string {
	var list []string
	for _, d := range o.deadly {
		by, victim := o.letter(d.by), o.letter(d.victim)
		switch d.harm {
		case Certain:
			for _, f := range d.failures {
				list = append(list, fmt.Sprintf("Job %s lost %s to Job %s's cleanup at %s", victim, cmp.Or(f.path, "a file"), by, clock(d.when)))
			}
			if more := d.victim.moreFailures; more > 0 {
				list = append(list, fmt.Sprintf("Job %s has %d more lines on missing files", victim, more))
			}
		case Possible:
			list = append(list, fmt.Sprintf("Job %s failed after Job %s's cleanup at %s; no line says what it missed", victim, by, clock(d.when)))
		}
	}
	if o.a.forced.known() && o.a.notFound.known() {
		list = append(list, fmt.Sprintf("Job A could not report its end at %s: the service no longer knew the job", clock(o.a.notFound.when)))
	}
	return list
}

func (o *overlap) letter(l *Life) string { return (&table{o: o}).letter(l) }

func clock(s stamp) string { return s.time().Format(time.TimeOnly) }

// withShim says what would have happened, or what did.
func (o *overlap) withShim() string {
	if o.shielded {
		return "worker-wrap was there: each Worker emptied a _temp of its own."
	}
	var s string
	last := -1
	for i, d := range o.deadly {
		if !d.atStart && (last < 0 || d.harm == Certain) {
			last = i
		}
	}
	if last >= 0 {
		d := o.deadly[last]
		s = fmt.Sprintf("With worker-wrap Job %s's cleanup at %s would have emptied a _temp of its own", o.letter(d.by), clock(d.when))
		if d.harm == Certain {
			s += fmt.Sprintf(", and Job %s would not have failed on missing files", o.letter(d.victim))
		}
		s += "."
	} else {
		s = "With worker-wrap each of the two would have had a _temp of its own; these logs show no cleanup of one inside the other's life."
		if len(o.deadly) > 0 {
			s = "With worker-wrap Job B's start would have emptied a _temp of its own, not Job A's."
		}
	}
	if o.a.forced.known() {
		s += " Job A would still have been cancelled: that is the runner's decision."
	}
	return s
}

// count makes the totals and the weeks.
func (r *Report) count() {
	harmed := map[*Life]Harm{}
	overlapped := map[*Life]bool{}
	weeks := map[string]*Week{}
	week := func(s stamp) *Week {
		year, number := s.time().ISOWeek()
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
		}
	}
	for _, l := range r.lives {
		r.Totals.Jobs++
		w := week(l.start.when)
		w.Jobs++
		if l.forced.known() {
			r.Totals.Cancelled++
		}
		switch {
		case harmed[l] == Certain:
			r.Totals.Harmed++
			w.Harmed++
		case harmed[l] == Possible:
			r.Totals.PossiblyHarmed++
			w.PossiblyHarmed++
		case len(l.failures) > 0 && !overlapped[l]:
			r.Totals.Unexplained++
		}
	}
	for _, w := range weeks {
		r.Weeks = append(r.Weeks, *w)
	}
	slices.SortFunc(r.Weeks, func(a, b Week) int { return cmp.Compare(a.Week, b.Week) })
}

// Found reports whether Workers shared a _temp, unshielded: whether the race was open.
func (r *Report) Found() bool { return r.Totals.Overlaps > r.Totals.Shielded }

func (r *Report) verdict() string {
	t := r.Totals
	switch {
	case t.Jobs == 0 && r.Shim == nil:
		return "These logs tell of no job."
	case t.Harmed > 0:
		return fmt.Sprintf("Yes: the race hit this runner. %s failed because another Worker emptied the _temp they shared.", count(t.Harmed, "job", "jobs"))
	case t.PossiblyHarmed > 0:
		return fmt.Sprintf("Perhaps: %s failed after another Worker had emptied the _temp they shared, and no line says why.", count(t.PossiblyHarmed, "job", "jobs"))
	case r.Found():
		return fmt.Sprintf("The race was open %s, and no job shows harm from it.", count(t.Overlaps-t.Shielded, "time", "times"))
	case t.Overlaps > 0:
		return fmt.Sprintf("No: Workers overlapped %s, each time with worker-wrap in between.", count(t.Overlaps, "time", "times"))
	}
	return fmt.Sprintf("No: in these logs no two of %s overlap.", count(t.Jobs, "Worker", "Workers"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
