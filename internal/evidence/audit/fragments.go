package audit

import (
	"cmp"
	"path"
	"slices"
)

// joinQuotes makes one life of logs that have one name, or one job and one start, where a file that quotes logs has
// one of them.
func joinQuotes(workers []*Life) []*Life {
	if !slices.ContainsFunc(workers, func(l *Life) bool { return l.pasted }) {
		return workers
	}
	named, ofJob := map[string]*Life{}, map[string]*Life{}
	return slices.DeleteFunc(workers, func(l *Life) bool {
		var first *Life
		if l.log.started != 0 {
			first = named[l.log.name]
		}
		if first == nil && !l.partial && l.job != "" {
			if other := ofJob[l.job]; other != nil && l.start.when-other.start.when <= 1 {
				first = other
			}
		}
		if first != nil && (first.pasted || l.pasted) {
			first.take(l)
			return true
		}
		if l.log.started != 0 && first == nil {
			named[l.log.name] = l
		}
		if !l.partial && l.job != "" {
			ofJob[l.job] = l
		}
		return false
	})
}

// joinFragments gives parts of Workers' logs, of which nothing tells the Worker's start, to the lives they
// may be of. A part is a Worker of its own only where that is the one way to read it, so that a line quoted twice is
// no overlap. It returns the parts that are left.
func joinFragments(listener, whole, parts []*Life) []*Life {
	if len(parts) == 0 {
		return nil
	}
	byJob := map[string][]*Life{}
	known := func(l *Life) {
		if l.job != "" && len(byJob[l.job]) < maxTries {
			byJob[l.job] = append(byJob[l.job], l)
		}
	}
	for _, lives := range [...][]*Life{listener, whole} {
		for _, l := range lives {
			known(l)
		}
	}
	var left []*Life
	for _, w := range parts {
		host := nearest(w, byJob[w.job], func(l *Life) bool { return w.job != "" && (!l.start.known() || l.start.when <= w.start.when+1) })
		for _, fits := range [...]func(l *Life) bool{w.cancelledWith, w.startsWith, w.within} {
			if host == nil {
				host = nearest(w, before(listener, w), fits)
			}
		}
		for _, lives := range [...][]*Life{whole, left} {
			if host == nil {
				host = nearest(w, before(lives, w), func(l *Life) bool { return w.within(l) && w.repeats(l) })
			}
		}
		if host == nil {
			left = append(left, w)
			known(w)
			continue
		}
		had := host.job
		host.takePart(w)
		if had == "" {
			known(host)
		}
	}
	return left
}

// before are the last lives that began before w or with it.
func before(lives []*Life, w *Life) []*Life {
	i, _ := slices.BinarySearchFunc(lives, w.start.when+2, func(l *Life, t stamp) int { return cmp.Compare(l.begin().when, t) })
	return lives[max(0, i-maxTries):i]
}

func nearest(w *Life, lives []*Life, fits func(*Life) bool) *Life {
	var best *Life
	for _, l := range lives {
		if fits(l) && (best == nil || abs(w.start.when-l.begin().when) < abs(w.start.when-best.begin().when)) {
			best = l
		}
	}
	return best
}

// compatible reports whether l and w may be one Worker, by the job and the folder they name.
func (l *Life) compatible(w *Life) bool {
	return (l.job == "" || w.job == "" || l.job == w.job) && (l.temp == "" || w.temp == "" || path.Clean(l.temp) == path.Clean(w.temp))
}

// cancelledWith reports whether the Listener sent l the cancellation that w received.
func (w *Life) cancelledWith(l *Life) bool {
	return w.cancelled.known() && l.cancelSent.known() && abs(w.cancelled.when-l.cancelSent.when) <= 1 && l.log == nil && w.compatible(l)
}

// startsWith reports whether the Listener started l just before w's first record.
func (w *Life) startsWith(l *Life) bool {
	return l.start.known() && l.log == nil && w.start.when-l.start.when <= startDelay && w.compatible(l) &&
		(!w.cancelled.known() || l.cancelSent.known() || l.userCancel.known())
}

// within reports whether w lies inside l.
func (w *Life) within(l *Life) bool { return w.end.when <= l.end.when+1 && w.compatible(l) }

// repeats reports whether w says nothing that l does not say.
func (w *Life) repeats(l *Life) bool {
	for _, pair := range [...][2]at{
		{w.usesTemp, l.usesTemp},
		{w.emptied, l.emptied},
		{w.cancelled, l.cancelled},
		{w.completed, l.completed},
		{w.notFound, l.notFound},
		{w.resultAt, l.resultAt},
	} {
		if pair[0].known() && pair[0].when != pair[1].when {
			return false
		}
	}
	for _, c := range w.cleanups {
		if !slices.ContainsFunc(l.cleanups, func(o cleanup) bool { return o.when == c.when }) {
			return false
		}
	}
	for _, f := range w.failures {
		if !slices.ContainsFunc(l.failures, f.like) {
			return false
		}
	}
	return true
}

func (f failure) like(o failure) bool { return o.path == f.path && o.when == f.when }
