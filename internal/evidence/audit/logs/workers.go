package logs

import (
	"bytes"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// workers reads a log in which the lines of several Workers may stand: a second Worker that starts in the same second
// opens the same file, and a container prints all of them. No line says which Worker it is of. Each goes to the one that
// can have said it; the rest to the one that spoke last.
type workers struct {
	group *input.Group
	from  *input.Source
	add   func(*Life)

	all     []*workerLog // whose end was not seen, oldest first
	speaker *workerLog
	sure    bool   // the speaker said that a process of its own ended, so what follows is its too
	begun   int    // since the last end
	cancel  string // the job whose Worker is told next that it is cancelled
}

// begin begins a Worker's log beside those that are being read.
func (w *workers) begin(start input.At) {
	life := newLife(w.group)
	life.Start, life.Log = start, w.from
	w.begun++
	w.speaker, w.sure = &workerLog{life: life, last: start}, false
	w.all = append(w.all, w.speaker)
	w.add(life)
}

// end ends all logs. It returns how many Workers' lines stood among another's.
func (w *workers) end() int {
	further := max(0, w.begun-1)
	for _, log := range w.all {
		log.close(further > 0)
	}
	w.all, w.speaker, w.begun = nil, nil, 0
	return further
}

// drop ends one log.
func (w *workers) drop(log *workerLog) {
	log.close(true)
	w.all = slices.DeleteFunc(w.all, func(o *workerLog) bool { return o == log })
	if w.speaker == log {
		w.speaker = nil
		if len(w.all) > 0 {
			w.speaker, w.sure = w.all[len(w.all)-1], false
		}
	}
}

// ended ends the log of a Worker that the Listener has seen end, if others go on.
func (w *workers) ended(l *listenerLog) {
	if l.endedJob == "" {
		return
	}
	for _, log := range w.all {
		if log.life.Job == l.endedJob && len(w.all) > 1 {
			w.drop(log)
			break
		}
	}
	l.endedJob = ""
}

func (w *workers) has(job string) bool {
	return slices.ContainsFunc(w.all, func(log *workerLog) bool { return log.life.Job == job })
}

// cancelled notes which job's Worker the Listener cancels. One whose beginning is missing is known by that.
func (w *workers) cancelled(job string) {
	if w.cancel = job; job != "" && !w.has(job) && w.speaker != nil && w.speaker.life.Job == "" && !w.speaker.started {
		w.speaker.life.Job = job
	}
}

func (w *workers) gone(line []byte, now input.At) { w.speaker.gone(line, now) }

// record takes the first line of a record.
func (w *workers) record(r input.Record, now input.At) {
	if len(r.Message) == 0 {
		return
	}
	if isVersion(r, "Worker") && w.speaker.started && len(w.all) < maxActive {
		w.begin(now)
	}
	log, speaks := w.speaker, false
	if len(w.all) > 1 {
		log, speaks = w.pick(r.Message, now)
	}
	log.record(r, now)
	if speaks {
		w.speaker = log
	}
	if len(w.all) > 1 && log.life.Completed.Known() {
		w.drop(log)
	}
}

// pick returns the Worker that said m, and whether what follows is likely its too. Of several that can have said it, the
// one that began first is the likeliest.
func (w *workers) pick(m []byte, now input.At) (log *workerLog, speaks bool) {
	idle := func(l *workerLog) bool { return len(l.running) == 0 }
	is := func(prefix string) bool { return bytes.HasPrefix(m, []byte(prefix)) }
	var fits []func(*workerLog) bool // the first that some Worker meets
	switch {
	case is("Finished process "):
		pid, _ := number(m[len("Finished process "):])
		if log = w.oldest(func(l *workerLog) bool { return l.runs(pid) >= 0 }); log != nil {
			w.sure = true
			return log, true
		}
	case is("Job ID "):
		fits = append(fits, func(l *workerLog) bool { return l.life.Job == "" })
	case is("Getting job extension."):
		fits = append(fits, func(l *workerLog) bool { return l.started && !l.life.Emptied.Known() })
	case is("Well known directory 'Temp'"):
		fits = append(fits, func(l *workerLog) bool { return l == w.speaker && !l.life.UsesTemp.Known() },
			func(l *workerLog) bool { return l.started && !l.life.UsesTemp.Known() })
	case is("Cancellation/Shutdown message received"):
		fits = append(fits, func(l *workerLog) bool { return w.cancel != "" && l.life.Job == w.cancel },
			func(l *workerLog) bool { return !l.life.Cancelled.Known() })
		log, _ = w.first(fits)
		return log, false
	case is("Job result after all job steps finish: "):
		open := func(l *workerLog) bool { return idle(l) && l.life.Result == "" && len(l.life.Cleanups) == 0 }
		fits = append(fits, func(l *workerLog) bool { return w.sure && l == w.speaker && open(l) }, open)
	case is("Cleaning runner temp folder: "):
		open := func(l *workerLog) bool { return idle(l) && len(l.life.Cleanups) == 0 }
		fits = append(fits, func(l *workerLog) bool { return open(l) && l.life.Result != "" },
			func(l *workerLog) bool { return open(l) && l.life.Cancelled.Known() }, open)
	case is("Job completed."):
		if log = w.lastCleaner(now); log != nil {
			return log, true
		}
	case is("Processing step: "), is("Process started with process id "), is("  File name: '"):
		if ready := func(l *workerLog) bool { return idle(l) && l.life.Result == "" && len(l.life.Cleanups) == 0 }; !ready(w.speaker) {
			fits = append(fits, ready)
		}
	default:
		if i := bytes.Index(m, []byte("Job not found: ")); i >= 0 {
			job := id(m[i+len("Job not found: "):])
			fits = append(fits, func(l *workerLog) bool { return l.life.Job == job },
				func(l *workerLog) bool { return l.life.Job == "" && len(l.life.Cleanups) > 0 })
		}
	}
	return w.first(fits)
}

// first returns the oldest log that meets the first of the conditions that any meets, else the speaker.
func (w *workers) first(fits []func(*workerLog) bool) (*workerLog, bool) {
	for _, fit := range fits {
		if log := w.oldest(fit); log != nil {
			w.sure = w.sure && log == w.speaker
			return log, true
		}
	}
	return w.speaker, false
}

func (w *workers) oldest(fits func(*workerLog) bool) *workerLog {
	for _, log := range w.all {
		if fits(log) {
			return log
		}
	}
	return nil
}

// lastCleaner is the Worker that emptied _temp last and has not said yet that its job is completed.
func (w *workers) lastCleaner(now input.At) (last *workerLog) {
	for _, log := range w.all {
		if c := log.life.Cleanups; len(c) > 0 && c[0].When <= now.When && !log.life.Completed.Known() &&
			(last == nil || c[0].When > last.life.Cleanups[0].When) {
			last = log
		}
	}
	return last
}
