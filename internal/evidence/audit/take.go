package audit

import (
	"cmp"
	"slices"
)

// take adds what a Worker's own log says to l.
func (l *Life) take(w *Life) {
	if !l.start.known() {
		l.start = w.start
	}
	// Of two Workers' mixed lines, the last may be the other's. A Worker that has finished writes nothing.
	if !w.mixed || !l.finished.known() {
		l.end = later(l.end, w.end)
	}
	l.lastLine = later(l.lastLine, w.lastLine)
	l.job = cmp.Or(l.job, w.job)
	l.temp = cmp.Or(l.temp, w.temp)
	l.version = cmp.Or(w.version, l.version)
	l.step = cmp.Or(w.step, l.step)
	if w.result != "" {
		l.result, l.resultAt = w.result, w.resultAt
	}
	first := func(a *at, b at) {
		if !a.known() {
			*a = b
		}
	}
	first(&l.usesTemp, w.usesTemp)
	first(&l.emptied, w.emptied)
	first(&l.cancelled, w.cancelled)
	first(&l.completed, w.completed)
	first(&l.notFound, w.notFound)
	first(&l.abnormal, w.abnormal)
	for _, c := range w.cleanups {
		if len(l.cleanups) < maxList && !slices.ContainsFunc(l.cleanups, func(o cleanup) bool { return o.when == c.when }) {
			l.cleanups = append(l.cleanups, c)
		}
	}
	l.moreFailures += w.moreFailures
	for _, f := range w.failures {
		switch {
		case slices.ContainsFunc(l.failures, f.like):
		case len(l.failures) < maxList:
			l.failures = append(l.failures, f)
		default:
			l.moreFailures++
		}
	}
}

func (f failure) like(o failure) bool { return o.path == f.path && o.when == f.when }
