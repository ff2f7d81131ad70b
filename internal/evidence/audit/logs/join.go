package logs

import (
	"cmp"
	"slices"
)

const (
	// pageSize is the least size in bytes of a log that goes on in another file: WORKER_LOGSIZE counts
	// in MiB and its default is 8.
	pageSize = 1 << 20
	// StartDelay is how long after the Listener's note of a new process that process may open its log,
	// in seconds: the Listener kills a Worker that takes longer (ProcessChannel's time limit).
	StartDelay = 30
)

// Join makes one life of what several files of one runner say about one Worker.
func Join(lives []*Life) []*Life {
	var fromListener, fromWorker []*Life
	for _, life := range lives {
		if life.Log == nil {
			fromListener = append(fromListener, life)
		} else {
			fromWorker = append(fromWorker, life)
		}
	}
	byStart := func(a, b *Life) int { return cmp.Compare(a.begin().When, b.begin().When) }
	slices.SortStableFunc(fromListener, byStart)
	slices.SortStableFunc(fromWorker, byStart)
	fromWorker = joinPages(fromWorker)
	for _, step := range [...]func(listener, workers []*Life) []*Life{joinByJob, joinByTime, joinRunning} {
		fromWorker = step(fromListener, fromWorker)
		slices.SortStableFunc(fromListener, byStart) // a life that was running when first seen may have a start now
	}
	all := fromWorker
	for _, life := range fromListener {
		if !life.Start.Known() {
			if life.Received.Known() {
				continue // no Worker was ever started for it, or its start is not in the logs
			}
			life.Start, life.Running = life.seen, true
		}
		all = append(all, life)
	}
	slices.SortStableFunc(all, byStart)
	return once(all)
}

// once leaves out lives that were found twice: a copy of a log under another name is no second Worker.
func once(lives []*Life) []*Life {
	var kept []*Life
	for _, b := range lives {
		if len(kept) > 0 && b.Job != "" {
			a := kept[len(kept)-1]
			if a.Job == b.Job && a.Start.When == b.Start.When && (a.Log == nil || b.Log == nil || a.Log != b.Log && a.lastLine.When == b.lastLine.When) {
				a.take(b)
				a.Log = cmp.Or(a.Log, b.Log)
				continue
			}
		}
		kept = append(kept, b)
	}
	return kept
}

// begin is the moment a life is sorted by.
func (l *Life) begin() At {
	if l.Start.Known() {
		return l.Start
	}
	return l.seen
}

// joinPages puts the later pages of a log to its first. A page begins in the second in which the one
// before it was full.
func joinPages(lives []*Life) []*Life {
	var kept []*Life
	var open *Life // the last life whose page was full
	for _, life := range lives {
		first := open
		if first != nil && life.page && life.Start.When >= first.lastLine.When && life.Start.When <= first.lastLine.When+2 {
			first.take(life)
			first.Log = life.Log
		} else {
			kept = append(kept, life)
			first = life
		}
		if first.Log.Bytes >= pageSize && first.lastLine.Known() && !first.Completed.Known() {
			open = first
		} else if open == first {
			open = nil
		}
	}
	return kept
}

// joinByJob gives each Listener's life the log that names the same job, and returns the logs left.
func joinByJob(listener, workers []*Life) []*Life {
	byJob := map[string][]*Life{}
	for _, l := range listener {
		if l.Job != "" {
			byJob[l.Job] = append(byJob[l.Job], l)
		}
	}
	return joinWith(workers, func(w *Life) []*Life { return byJob[w.Job] })
}

// joinByTime gives the lives that are still without one the log that was opened when they started,
// where one of the two does not name its job.
func joinByTime(listener, workers []*Life) []*Life {
	return joinWith(workers, func(w *Life) []*Life {
		first := func(from Stamp) int {
			i, _ := slices.BinarySearchFunc(listener, from, func(l *Life, t Stamp) int { return cmp.Compare(l.begin().When, t) })
			return i
		}
		from, to := first(w.Start.When-StartDelay), first(w.Start.When+2)
		if w.Running { // the log's beginning was cut off
			from = max(0, to-MaxTries)
		}
		var near []*Life
		for _, l := range listener[from:to] {
			together := w.Start.When <= l.begin().When+StartDelay || w.End.When <= l.End.When+1
			if l.Start.Known() && (l.Job == "" || w.Job == "") && together && len(near) < MaxTries {
				near = append(near, l)
			}
		}
		return near
	})
}

// joinRunning gives a Worker that ran already when the Listener's log began the log that was written then, where
// one of the two does not name its job.
func joinRunning(listener, workers []*Life) []*Life {
	running := slices.DeleteFunc(slices.Clone(listener), func(l *Life) bool {
		return l.Log != nil || l.Start.Known() || l.Received.Known()
	})
	if len(running) == 0 {
		return workers
	}
	return slices.DeleteFunc(workers, func(w *Life) bool {
		i, _ := slices.BinarySearchFunc(running, w.Start.When, func(l *Life, t Stamp) int { return cmp.Compare(l.seen.When, t) })
		for _, l := range running[i:min(i+MaxTries, len(running))] {
			if l.Log == nil && l.seen.When <= w.End.When && (l.Job == "" || w.Job == "") {
				l.take(w)
				l.Log = w.Log
				return true
			}
		}
		return false
	})
}

// MaxTries bounds what is compared for one log; real logs have one or two that fit.
const MaxTries = 100

// joinWith joins each Worker's log with the candidate that began nearest to it, and returns the rest.
func joinWith(workers []*Life, candidates func(*Life) []*Life) []*Life {
	var left []*Life
	for _, w := range workers {
		var best *Life
		found := candidates(w)
		for _, l := range found[:min(len(found), MaxTries)] {
			// The log is opened after the process is started; a second is the clock's grain. A job whose
			// start no Listener's line tells was running already when it was first seen. A log without its beginning
			// may begin at any time.
			delay := w.Start.When - l.begin().When
			if l.Log != nil || delay > StartDelay && !w.Running || l.Start.Known() && delay < -1 {
				continue
			}
			if best == nil || abs(delay) < abs(w.Start.When-best.begin().When) {
				best = l
			}
		}
		if best == nil {
			left = append(left, w)
			continue
		}
		best.take(w)
		best.Log = w.Log
	}
	return left
}

func abs(s Stamp) Stamp { return max(s, -s) }
