package audit

import (
	"cmp"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
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

// fate is how a job ended that certainly lost files.
type fate int

const (
	endedOtherwise fate = iota // it was cancelled, or lost only files of its own, or no line tells its result
	endedWell                  // without what its steps had set, and nobody notices
	failed
)

func (d deadly) fate() fate {
	switch l := d.victim; {
	case l.Result == "Failed" || l.Exit() == 102:
		return failed
	case l.Succeeded() && slices.ContainsFunc(d.failures, logs.Failure.LostCommandFile):
		return endedWell
	}
	return endedOtherwise
}

// overlap is two Workers of one runner that were alive at once. a started first.
type overlap struct {
	a, b     *logs.Life
	from, to input.Stamp
	deadly   []deadly
	shielded bool // at least one of them ran in the shim's private view
}

// deadly is an emptying of _temp by one Worker inside the life of the other.
type deadly struct {
	input.At
	by, victim *logs.Life
	path       string
	atStart    bool // by's first act, not its last
	harm       Harm
	failures   []logs.Failure
}

// overlaps finds the pairs among the lives of one runner, which are sorted by their start.
func overlaps(lives []*logs.Life) []*overlap {
	var found []*overlap
	var alive []*logs.Life
	for _, b := range lives {
		alive = slices.DeleteFunc(alive, func(a *logs.Life) bool {
			return a.End.When <= b.Start.When && !(a.EndOpen() && b.Start.When <= a.Beside.Start.When)
		})
		pairs := 0
		for i := len(alive) - 1; i >= 0 && pairs < maxPairs; i-- {
			a := alive[i]
			open := a.Beside == b && (a.EndOpen() || a.End.When > b.Start.When)
			if !open && (a.End.When <= b.Start.When || b.End.When <= b.Start.When) || a.Apart(b) {
				continue // no second together, or two runners
			}
			pairs++
			o := &overlap{a: a, b: b, from: b.Start.When, to: max(b.Start.When, min(a.End.When, b.End.When)), shielded: a.Wrapped || b.Wrapped}
			o.judge()
			found = append(found, o)
		}
		if alive = append(alive, b); len(alive) > maxAlive {
			alive = slices.Delete(alive, 0, 1)
		}
	}
	return found
}

// judge finds the deadly cleanups and what they did.
func (o *overlap) judge() {
	// Job B's Worker empties _temp when it starts. The log has a line just before and one just after.
	emptied := o.b.Emptied
	if !emptied.Known() {
		emptied = o.b.UsesTemp
	}
	if o.a.Alive(emptied.When) {
		o.add(deadly{At: emptied, by: o.b, victim: o.a, path: o.b.Temp, atStart: true})
	}
	for _, pair := range [2][2]*logs.Life{{o.a, o.b}, {o.b, o.a}} {
		for _, c := range pair[0].Cleanups {
			if pair[1].Alive(c.When) {
				o.add(deadly{At: c.At, by: pair[0], victim: pair[1], path: c.Path})
			}
		}
	}
	slices.SortStableFunc(o.deadly, func(x, y deadly) int { return cmp.Compare(x.When, y.When) })
}

func (o *overlap) add(d deadly) {
	d.harm = NoHarm
	if !o.shielded {
		for _, f := range d.victim.Failures {
			if f.When >= d.When {
				d.failures = append(d.failures, f)
			}
		}
		switch {
		case len(d.failures) > 0:
			d.harm = Certain
		case d.atStart:
			// A job that is being cancelled fails anyway; only a missing file would tell.
		case d.victim.Abnormal.When >= d.When, d.victim.ResultAt.When >= d.When && d.victim.Result == "Failed":
			d.harm = Possible
		}
	}
	o.deadly = append(o.deadly, d)
}

// lost reports whether a life ended well without what its steps had set.
func (o *overlap) lost(l *logs.Life) bool {
	return slices.ContainsFunc(o.deadly, func(d deadly) bool { return d.victim == l && d.harm == Certain && d.fate() == endedWell })
}

// harmTo is the worst that was done to a life.
func (o *overlap) harmTo(l *logs.Life) Harm {
	worst := NoHarm
	for _, d := range o.deadly {
		if d.victim == l && (d.harm == Certain || d.harm == Possible && worst == NoHarm) {
			worst = d.harm
		}
	}
	return worst
}
