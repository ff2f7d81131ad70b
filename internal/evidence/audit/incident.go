package audit

import (
	"cmp"
	"fmt"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// incident is the report on an overlap.
func (o *overlap) incident(g *input.Group) *Incident {
	return &Incident{
		Runner: input.Text([]byte(g.Dir), input.MaxText), A: o.job(o.a), B: o.job(o.b),
		From: o.from.Time(), To: o.to.Time(), Seconds: int64(o.to - o.from), Shielded: o.shielded,
		Timeline: o.timeline(), Failed: o.failed(), WithShim: o.withShim(), overlap: o,
	}
}

func (o *overlap) job(l *logs.Life) Job {
	j := Job{
		ID: l.Job, Name: l.Name, PID: l.PID, Start: l.Start.When.Time(), End: l.End.When.Time(), Result: l.Result,
		Cancelled: l.Forced.Known(), Harm: o.harmTo(l), Lost: o.lost(l), Wrapped: l.Wrapped, Temp: l.Temp, Version: l.Version,
	}
	if code := l.Exit(); code >= 0 {
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
			if d.fate() == endedWell {
				list = append(list, fmt.Sprintf("Job %s ended well (%s) without what its steps had set", victim, cmp.Or(d.victim.Result, "Succeeded")))
			}
			for _, f := range d.failures {
				list = append(list, fmt.Sprintf("Job %s lost %s to Job %s's cleanup at %s", victim, cmp.Or(f.Path, "a file"), by, clock(d.When)))
			}
			if more := d.victim.MoreFailures; more > 0 {
				list = append(list, fmt.Sprintf("Job %s has %s on missing files", victim, Count(more, "more line", "more lines")))
			}
		case Possible:
			list = append(list, fmt.Sprintf("Job %s failed after Job %s's cleanup at %s; no line says what it missed", victim, by, clock(d.When)))
		}
	}
	if o.a.Forced.Known() && o.a.NotFound.Known() {
		list = append(list, fmt.Sprintf("Job A could not report its end at %s: the service no longer knew the job", clock(o.a.NotFound.When)))
	}
	return list
}

func (o *overlap) letter(l *logs.Life) string { return (&table{o: o}).letter(l) }

func clock(s input.Stamp) string { return s.Time().Format(time.TimeOnly) }

// withShim says what would have happened, or what did.
func (o *overlap) withShim() string {
	switch {
	case o.a.Wrapped && o.b.Wrapped:
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
		s = fmt.Sprintf("With worker-wrap Job %s's cleanup at %s would not have reached Job %s's _temp", o.letter(d.by), clock(d.When), o.letter(d.victim))
		if d.harm == Certain {
			kept := map[fate]string{
				endedWell: "would have kept what its steps had set", failed: "would not have failed on missing files",
				endedOtherwise: "would have kept its files",
			}
			s += fmt.Sprintf(", and Job %s %s", o.letter(d.victim), kept[d.fate()])
		}
		s += "."
	} else {
		s = "With worker-wrap the two would not have shared a _temp; these logs show no cleanup of one inside the other's life."
		if len(o.deadly) > 0 {
			s = "With worker-wrap Job B's start would have emptied a _temp of its own, not Job A's."
		}
	}
	if o.a.Forced.Known() {
		s += " Job A would still have been cancelled: that is the runner's decision."
	}
	return s
}
