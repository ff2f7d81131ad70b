package audit

import (
	"cmp"
	"slices"
)

const (
	// pageSize is the least size in bytes of a log that goes on in another file: WORKER_LOGSIZE counts
	// in MiB and its default is 8.
	pageSize = 1 << 20
	// startDelay is how long after the Listener's note of a new process that process may open its log,
	// in seconds: the Listener kills a Worker that takes longer (ProcessChannel's time limit).
	startDelay = 30
)

// join makes one life of what several files of one runner say about one Worker.
func join(lives []*Life) []*Life {
	var fromListener, fromWorker []*Life
	for _, life := range lives {
		if life.log == nil {
			fromListener = append(fromListener, life)
		} else {
			fromWorker = append(fromWorker, life)
		}
	}
	byStart := func(a, b *Life) int { return cmp.Compare(a.begin().when, b.begin().when) }
	slices.SortStableFunc(fromListener, byStart)
	slices.SortStableFunc(fromWorker, byStart)
	fromWorker = joinPages(fromWorker)
	for _, step := range [...]func(listener, workers []*Life) []*Life{joinByJob, joinByTime, joinRunning} {
		fromWorker = step(fromListener, fromWorker)
		slices.SortStableFunc(fromListener, byStart) // a life that was running when first seen may have a start now
	}
	all := fromWorker
	for _, life := range fromListener {
		if !life.start.known() {
			if life.received.known() {
				continue // no Worker was ever started for it, or its start is not in the logs
			}
			life.start, life.running = life.seen, true
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
		if len(kept) > 0 && b.job != "" {
			a := kept[len(kept)-1]
			if a.job == b.job && a.start.when == b.start.when && (a.log == nil || b.log == nil || a.log != b.log && a.lastLine.when == b.lastLine.when) {
				a.take(b)
				a.log = cmp.Or(a.log, b.log)
				continue
			}
		}
		kept = append(kept, b)
	}
	return kept
}

// begin is the moment a life is sorted by.
func (l *Life) begin() at {
	if l.start.known() {
		return l.start
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
		if first != nil && life.page && life.start.when >= first.lastLine.when && life.start.when <= first.lastLine.when+2 {
			first.take(life)
			first.log = life.log
		} else {
			kept = append(kept, life)
			first = life
		}
		if first.log.bytes >= pageSize && first.lastLine.known() && !first.completed.known() {
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
		if l.job != "" {
			byJob[l.job] = append(byJob[l.job], l)
		}
	}
	return joinWith(workers, func(w *Life) []*Life { return byJob[w.job] })
}

// joinByTime gives the lives that are still without one the log that was opened when they started,
// where one of the two does not name its job.
func joinByTime(listener, workers []*Life) []*Life {
	return joinWith(workers, func(w *Life) []*Life {
		first := func(from stamp) int {
			i, _ := slices.BinarySearchFunc(listener, from, func(l *Life, t stamp) int { return cmp.Compare(l.begin().when, t) })
			return i
		}
		from, to := first(w.start.when-startDelay), first(w.start.when+2)
		if w.running { // the log's beginning was cut off
			from = max(0, to-maxTries)
		}
		var near []*Life
		for _, l := range listener[from:to] {
			together := w.start.when <= l.begin().when+startDelay || w.end.when <= l.end.when+1
			if l.start.known() && (l.job == "" || w.job == "") && together && len(near) < maxTries {
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
		return l.log != nil || l.start.known() || l.received.known()
	})
	if len(running) == 0 {
		return workers
	}
	return slices.DeleteFunc(workers, func(w *Life) bool {
		i, _ := slices.BinarySearchFunc(running, w.start.when, func(l *Life, t stamp) int { return cmp.Compare(l.seen.when, t) })
		for _, l := range running[i:min(i+maxTries, len(running))] {
			if l.log == nil && l.seen.when <= w.end.when && (l.job == "" || w.job == "") {
				l.take(w)
				l.log = w.log
				return true
			}
		}
		return false
	})
}

// maxTries bounds what is compared for one log; real logs have one or two that fit.
const maxTries = 100

// joinWith joins each Worker's log with the candidate that began nearest to it, and returns the rest.
func joinWith(workers []*Life, candidates func(*Life) []*Life) []*Life {
	var left []*Life
	for _, w := range workers {
		var best *Life
		found := candidates(w)
		for _, l := range found[:min(len(found), maxTries)] {
			// The log is opened after the process is started; a second is the clock's grain. A job whose
			// start no Listener's line tells was running already when it was first seen. A log without its beginning
			// may begin at any time.
			delay := w.start.when - l.begin().when
			if l.log != nil || delay > startDelay && !w.running || l.start.known() && delay < -1 {
				continue
			}
			if best == nil || abs(delay) < abs(w.start.when-best.begin().when) {
				best = l
			}
		}
		if best == nil {
			left = append(left, w)
			continue
		}
		best.take(w)
		best.log = w.log
	}
	return left
}

func abs(s stamp) stamp { return max(s, -s) }
