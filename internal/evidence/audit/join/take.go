package join

import (
	"cmp"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// take adds to l what w says of the same Worker.
func take(l, w *logs.Life) {
	if !l.Start.Known() {
		l.Start, l.Running = w.Start, w.Running
	}
	// Of two Workers' mixed lines, the last may be the other's. A Worker that has finished writes nothing.
	if !w.Mixed || !l.Finished.Known() {
		l.End = input.Later(l.End, w.End)
	}
	l.LastLine = input.Later(l.LastLine, w.LastLine)
	l.Job = cmp.Or(l.Job, w.Job)
	l.Temp = cmp.Or(l.Temp, w.Temp)
	l.Version = cmp.Or(w.Version, l.Version)
	if w.Result != "" {
		l.Result, l.ResultAt = w.Result, w.ResultAt
	}
	first := func(a *input.At, b input.At) {
		if !a.Known() {
			*a = b
		}
	}
	first(&l.Seen, w.Seen)
	first(&l.Exists, w.Exists)
	first(&l.UsesTemp, w.UsesTemp)
	first(&l.Emptied, w.Emptied)
	first(&l.Cancelled, w.Cancelled)
	first(&l.Completed, w.Completed)
	first(&l.NotFound, w.NotFound)
	first(&l.Abnormal, w.Abnormal)
	for _, c := range w.Cleanups {
		if len(l.Cleanups) < logs.MaxList && !slices.ContainsFunc(l.Cleanups, func(o logs.Cleanup) bool { return o.When == c.When }) {
			l.Cleanups = append(l.Cleanups, c)
		}
	}
	l.MoreFailures += w.MoreFailures
	for _, f := range w.Failures {
		switch {
		case slices.ContainsFunc(l.Failures, func(o logs.Failure) bool { return o.Path == f.Path && o.When == f.When }):
		case len(l.Failures) < logs.MaxList:
			l.Failures = append(l.Failures, f)
		default:
			l.MoreFailures++
		}
	}
}
