package logs

import (
	"cmp"
	"slices"
)

// take adds what a Worker's own log says to l.
func (l *Life) take(w *Life) {
	if !l.Start.Known() {
		l.Start = w.Start
	}
	// Of two Workers' mixed lines, the last may be the other's. A Worker that has finished writes nothing.
	if !w.mixed || !l.Finished.Known() {
		l.End = later(l.End, w.End)
	}
	l.lastLine = later(l.lastLine, w.lastLine)
	l.Job = cmp.Or(l.Job, w.Job)
	l.Temp = cmp.Or(l.Temp, w.Temp)
	l.Version = cmp.Or(w.Version, l.Version)
	l.step = cmp.Or(w.step, l.step)
	if w.Result != "" {
		l.Result, l.ResultAt = w.Result, w.ResultAt
	}
	first := func(a *At, b At) {
		if !a.Known() {
			*a = b
		}
	}
	first(&l.UsesTemp, w.UsesTemp)
	first(&l.Emptied, w.Emptied)
	first(&l.Cancelled, w.Cancelled)
	first(&l.Completed, w.Completed)
	first(&l.NotFound, w.NotFound)
	first(&l.Abnormal, w.Abnormal)
	for _, c := range w.Cleanups {
		if len(l.Cleanups) < maxList && !slices.ContainsFunc(l.Cleanups, func(o Cleanup) bool { return o.When == c.When }) {
			l.Cleanups = append(l.Cleanups, c)
		}
	}
	l.MoreFailures += w.MoreFailures
	for _, f := range w.Failures {
		switch {
		case slices.ContainsFunc(l.Failures, f.like):
		case len(l.Failures) < maxList:
			l.Failures = append(l.Failures, f)
		default:
			l.MoreFailures++
		}
	}
}

func (f Failure) like(o Failure) bool { return o.Path == f.Path && o.When == f.When }
