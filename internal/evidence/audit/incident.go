package audit

import (
	"cmp"
	"fmt"
	"time"
)

// incident is the report on an overlap.
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
	switch {
	case o.a.wrapped && o.b.wrapped:
		return "worker-wrap was there: each Worker had a _temp of its own."
	case o.shielded:
		return "worker-wrap was there for one of the two, which had a _temp of its own."
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
