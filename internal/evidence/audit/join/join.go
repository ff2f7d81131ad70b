// Package join makes one life of what a Listener's and a Worker's log say about one Worker: by the job that both name, else
// by the times.
package join

import (
	"cmp"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
)

// pageSize is the least size in bytes of a log that goes on in another file: WORKER_LOGSIZE counts
// in MiB and its default is 8.
const pageSize = 1 << 20

// Lives makes one life of what several files of one runner say about one Worker.
func Lives(lives []*logs.Life) []*logs.Life {
	var fromListener, fromWorker []*logs.Life
	for _, life := range lives {
		if life.Log == nil {
			fromListener = append(fromListener, life)
		} else {
			fromWorker = append(fromWorker, life)
		}
	}
	byStart := func(a, b *logs.Life) int { return cmp.Compare(begin(a).When, begin(b).When) }
	slices.SortStableFunc(fromListener, byStart)
	slices.SortStableFunc(fromWorker, byStart)
	fromWorker = joinPages(fromWorker)
	for _, step := range [...]func(listener, workers []*logs.Life) []*logs.Life{joinByJob, joinByTime, joinRunning} {
		fromWorker = step(fromListener, fromWorker)
		slices.SortStableFunc(fromListener, byStart) // a life that was running when first seen may have a start now
	}
	all := fromWorker
	for _, life := range fromListener {
		if !life.Start.Known() {
			if life.Received.Known() || life.Dropped.Known() {
				continue // no Worker was ever started for it, or its start is not in the logs
			}
			life.Start, life.Running = life.Seen, true
		}
		all = append(all, life)
	}
	slices.SortStableFunc(all, byStart)
	return once(all)
}

// once leaves out lives that were found twice: a copy of a log under another name is no second Worker.
func once(lives []*logs.Life) []*logs.Life {
	var kept []*logs.Life
	for _, b := range lives {
		if len(kept) > 0 && b.Job != "" {
			a := kept[len(kept)-1]
			if a.Job == b.Job && a.Start.When == b.Start.When && (a.Log == nil || b.Log == nil || a.Log != b.Log && a.LastLine.When == b.LastLine.When) {
				take(a, b)
				a.Log = cmp.Or(a.Log, b.Log)
				continue
			}
		}
		kept = append(kept, b)
	}
	return kept
}

// begin is the moment a life is sorted by.
func begin(l *logs.Life) input.At {
	if l.Start.Known() {
		return l.Start
	}
	return l.Seen
}

// joinPages puts the later pages of a log to its first. A page begins in the second in which the one
// before it was full.
func joinPages(lives []*logs.Life) []*logs.Life {
	var kept []*logs.Life
	var open *logs.Life // the last life whose page was full
	for _, life := range lives {
		first := open
		if first != nil && life.Page && life.Start.When >= first.LastLine.When && life.Start.When <= first.LastLine.When+2 {
			take(first, life)
			first.Log = life.Log
		} else {
			kept = append(kept, life)
			first = life
		}
		if first.Log.Bytes >= pageSize && first.LastLine.Known() && !first.Completed.Known() {
			open = first
		} else if open == first {
			open = nil
		}
	}
	return kept
}

// joinByJob gives each Listener's life the log that names the same job, and returns the logs left.
func joinByJob(listener, workers []*logs.Life) []*logs.Life {
	byJob := map[string][]*logs.Life{}
	for _, l := range listener {
		if l.Job != "" {
			byJob[l.Job] = append(byJob[l.Job], l)
		}
	}
	return joinWith(workers, func(w *logs.Life) []*logs.Life { return byJob[w.Job] })
}

// joinByTime gives each life without a log the one that was opened at its start, if one of the two does not name its
// job.
func joinByTime(listener, workers []*logs.Life) []*logs.Life {
	return joinWith(workers, func(w *logs.Life) []*logs.Life {
		first := func(from input.Stamp) int {
			i, _ := slices.BinarySearchFunc(listener, from, func(l *logs.Life, t input.Stamp) int { return cmp.Compare(begin(l).When, t) })
			return i
		}
		from, to := first(w.Start.When-logs.StartDelay), first(w.Start.When+2)
		if w.Running { // the log's beginning was cut off
			from = max(0, to-logs.MaxTries)
		}
		var near []*logs.Life
		for _, l := range listener[from:to] {
			together := w.Start.When <= begin(l).When+logs.StartDelay || w.End.When <= l.End.When+1
			if l.Start.Known() && (l.Job == "" || w.Job == "") && together && len(near) < logs.MaxTries {
				near = append(near, l)
			}
		}
		return near
	})
}

// joinRunning finds the log of a Worker that ran already when the Listener's log began: the one written then, if one of
// the two does not name its job.
func joinRunning(listener, workers []*logs.Life) []*logs.Life {
	running := slices.DeleteFunc(slices.Clone(listener), func(l *logs.Life) bool {
		return l.Log != nil || l.Start.Known() || l.Received.Known() || l.Dropped.Known()
	})
	if len(running) == 0 {
		return workers
	}
	return slices.DeleteFunc(workers, func(w *logs.Life) bool {
		i, _ := slices.BinarySearchFunc(running, w.Start.When, func(l *logs.Life, t input.Stamp) int { return cmp.Compare(l.Seen.When, t) })
		for _, l := range running[i:min(i+logs.MaxTries, len(running))] {
			if l.Log == nil && l.Stream == w.Stream && l.Seen.When <= w.End.When && (l.Job == "" || w.Job == "") {
				take(l, w)
				l.Log = w.Log
				return true
			}
		}
		return false
	})
}

// joinWith joins each Worker's log with the candidate that began nearest to it, and returns the rest.
func joinWith(workers []*logs.Life, candidates func(*logs.Life) []*logs.Life) []*logs.Life {
	var left []*logs.Life
	for _, w := range workers {
		var best *logs.Life
		var nearest input.Stamp
		found := candidates(w)
		for _, l := range found[:min(len(found), logs.MaxTries)] {
			if distance, ok := far(l, w); ok && (best == nil || distance < nearest) {
				best, nearest = l, distance
			}
		}
		if best == nil {
			left = append(left, w)
			continue
		}
		take(best, w)
		best.Log = w.Log
	}
	return left
}

// far returns how far from a Listener's life a Worker's log begins, and whether it can be that life's. A Worker opens its
// log after its start and before its end. A second is the clock's grain: a log that seems to begin before the start is the
// last choice. A job whose start no Listener's line tells ran already when it was first seen. A log without its beginning
// may begin at any time.
func far(l, w *logs.Life) (input.Stamp, bool) {
	delay := w.Start.When - begin(l).When
	switch {
	case l.Log != nil || l.Stream != w.Stream,
		delay > logs.StartDelay && !w.Running,
		l.Start.Known() && delay < -1,
		l.Finished.Known() && w.Start.When > l.Finished.When+1 && !w.Running:
		return 0, false
	case l.Start.Known() && delay < 0:
		return logs.StartDelay + 1, true
	}
	return max(delay, -delay), true
}
