package audit

import (
	"cmp"
	"slices"
)

const (
	// maxAlive bounds how many lives are compared with one that starts.
	maxAlive = 64
	// maxPairs bounds the incidents of one life.
	maxPairs = 8
)

// Harm says how sure it is that a job failed because another Worker emptied its _temp.
type Harm string

// The degrees of harm.
const (
	NoHarm   Harm = "none"     // nothing in the logs shows any
	Possible Harm = "possible" // the job failed after the cleanup, and no line names a missing file
	Certain  Harm = "certain"  // a line after the cleanup names a file under _temp that was gone
)

// overlap is two Workers of one runner that were alive at once. a started first.
type overlap struct {
	a, b     *Life
	from, to stamp
	deadly   []deadly
	shielded bool // at least one of them ran in the shim's private view
}

// deadly is an emptying of _temp by one Worker inside the life of the other.
type deadly struct {
	at
	by, victim *Life
	path       string
	atStart    bool // by's first act, not its last
	harm       Harm
	failures   []failure
}

// overlaps finds the pairs among the lives of one runner, which are sorted by their start.
func overlaps(lives []*Life) []*overlap {
	var found []*overlap
	var alive []*Life
	for _, b := range lives {
		alive = slices.DeleteFunc(alive, func(a *Life) bool {
			return a.end.when <= b.start.when && !(a.endOpen() && b.start.when <= a.beside.start.when)
		})
		pairs := 0
		for i := len(alive) - 1; i >= 0 && pairs < maxPairs; i-- {
			a := alive[i]
			open := a.beside == b && (a.endOpen() || a.end.when > b.start.when)
			if !open && (a.end.when <= b.start.when || b.end.when <= b.start.when) || a.temp != "" && b.temp != "" && a.temp != b.temp {
				continue // no second together, or two runners whose logs lie in one folder
			}
			pairs++
			o := &overlap{a: a, b: b, from: b.start.when, to: max(b.start.when, min(a.end.when, b.end.when)), shielded: a.wrapped || b.wrapped}
			o.judge()
			found = append(found, o)
		}
		if alive = append(alive, b); len(alive) > maxAlive {
			alive = slices.Delete(alive, 0, 1)
		}
	}
	return found
}

// endOpen reports whether the Worker outlived the start of the next one by the order of the Listener's lines, with
// no line that tells its end.
func (l *Life) endOpen() bool {
	return l.beside != nil && !l.finished.known() && !l.completed.known()
}

// judge finds the deadly cleanups and what they did.
func (o *overlap) judge() {
	// Job B's Worker empties _temp when it starts. The log has a line just before and one just after.
	emptied := o.b.emptied
	if !emptied.known() {
		emptied = o.b.usesTemp
	}
	if o.a.alive(emptied.when) {
		o.add(deadly{at: emptied, by: o.b, victim: o.a, path: o.b.temp, atStart: true})
	}
	for _, pair := range [2][2]*Life{{o.a, o.b}, {o.b, o.a}} {
		for _, c := range pair[0].cleanups {
			if pair[1].alive(c.when) {
				o.add(deadly{at: c.at, by: pair[0], victim: pair[1], path: c.path})
			}
		}
	}
	slices.SortStableFunc(o.deadly, func(x, y deadly) int { return cmp.Compare(x.when, y.when) })
}

func (o *overlap) add(d deadly) {
	d.harm = NoHarm
	if !o.shielded {
		for _, f := range d.victim.failures {
			if f.when >= d.when {
				d.failures = append(d.failures, f)
			}
		}
		switch {
		case len(d.failures) > 0:
			d.harm = Certain
		case d.atStart:
			// A job that is being cancelled fails anyway; only a missing file would tell.
		case d.victim.abnormal.when >= d.when, d.victim.resultAt.when >= d.when && d.victim.result == "Failed":
			d.harm = Possible
		}
	}
	o.deadly = append(o.deadly, d)
}

// alive reports whether t lies inside the life. The seconds at its borders do not count: what happens
// in them may be before or after.
func (l *Life) alive(t stamp) bool { return t != 0 && l.start.when < t && t < l.end.when }

// harm is the worst that was done to a life.
func (o *overlap) harmTo(l *Life) Harm {
	worst := NoHarm
	for _, d := range o.deadly {
		if d.victim == l && (d.harm == Certain || d.harm == Possible && worst == NoHarm) {
			worst = d.harm
		}
	}
	return worst
}
