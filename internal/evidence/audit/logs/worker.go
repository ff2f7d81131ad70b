package logs

import (
	"bytes"
	"cmp"
)

// workerLog reads one Worker_*.log. Usually that is one life. A second Worker that starts in the same
// second opens the same file, so one file may have several.
type workerLog struct {
	add   func(*Life)
	life  *Life
	group *Group
	from  *Source

	all        []*Life // of this file
	started    bool    // the life's start was seen in this file: not a page that goes on from another
	program    []byte
	arguments  []byte
	interleave int // further lives in the file
}

func newWorkerLog(g *Group, from *Source, start Stamp, add func(*Life)) *workerLog {
	w := &workerLog{add: add, group: g, from: from}
	w.begin(At{start, Evidence{File: from}})
	return w
}

func (w *workerLog) begin(start At) {
	w.life = newLife(w.group)
	w.life.Start, w.life.Log = start, w.from
	w.all = append(w.all, w.life)
	w.add(w.life)
}

// record takes the first line of a record.
func (w *workerLog) record(r record, now At) {
	m := r.message
	if len(m) == 0 {
		return
	}
	life := w.life
	switch m[0] {
	case 'C':
		if rest, ok := after(m, "Cleaning runner temp folder: "); ok {
			life = w.oldest(func(l *Life) bool { return len(l.Cleanups) == 0 })
			if len(life.Cleanups) < maxList {
				life.Cleanups = append(life.Cleanups, Cleanup{now, Text(rest, MaxText)})
				life.Temp = cmp.Or(life.Temp, Text(rest, MaxText))
			}
		} else if _, ok := after(m, "Cancellation/Shutdown message received"); ok {
			life.Cancelled = now
		}
	case 'F':
		if rest, ok := after(m, "Finished process "); ok {
			w.finishedProcess(rest, now)
		}
	case 'G':
		if _, ok := after(m, "Getting job extension."); ok && !life.Emptied.Known() {
			// JobRunner.RunAsync has just called InitializeTempDirectory, which logs nothing itself.
			life.Emptied = now
		} else if i := bytes.Index(m, []byte("Job not found: ")); i >= 0 {
			w.notFound(m[i+len("Job not found: "):], now)
		}
	case 'J':
		w.jobMessage(m, now)
	case 'P':
		if rest, ok := after(m, "Process started with process id "); ok {
			pid, _ := number(rest)
			life.process = Process{At: now, PID: pid, What: describe(w.program, w.arguments), exitCode: -1}
			w.program, w.arguments = w.program[:0], w.arguments[:0]
		} else if rest, ok := after(m, "Processing step: DisplayName='"); ok {
			life.step = Text(bytes.TrimSuffix(rest, []byte{'\''}), 100)
		}
	case 'V':
		if rest, ok := after(m, "Version: "); ok {
			w.another(now)
			w.life.Version = Text(rest, 32)
			w.started = true
		}
	case 'W':
		if rest, ok := after(m, "Well known directory 'Temp': '"); ok && !life.UsesTemp.Known() {
			life.UsesTemp = now
			life.Temp = Text(word(rest, "'"), MaxText)
		} else if _, ok := after(m, "Waiting to receive the job message"); ok {
			w.started = true
		}
	case ' ':
		if rest, ok := after(m, "  File name: '"); ok {
			w.program = append(w.program[:0], rest[:min(len(rest), 2*MaxText)]...)
		} else if rest, ok := after(m, "  Arguments: '"); ok {
			w.arguments = append(w.arguments[:0], rest[:min(len(rest), 2*MaxText)]...)
		}
	}
}

// another begins a further life where a second Worker's start stands in the file.
func (w *workerLog) another(now At) {
	if !w.started {
		return
	}
	if len(w.all) == maxActive {
		return
	}
	w.interleave++
	w.begin(now)
}

// oldest returns the file's first life that fits. Which of several Workers a record of a shared file is
// from cannot be known; that the one that began first says it first is the likeliest.
func (w *workerLog) oldest(fits func(*Life) bool) *Life {
	for _, life := range w.all {
		if fits(life) {
			return life
		}
	}
	return w.life
}

func (w *workerLog) jobMessage(m []byte, now At) {
	if rest, ok := after(m, "Job ID "); ok {
		if life := w.oldest(func(l *Life) bool { return l.Job == "" }); life.Job == "" {
			life.Job = id(rest)
		}
		w.started = true
	} else if _, ok := after(m, "Job completed."); ok {
		w.oldest(func(l *Life) bool { return !l.Completed.Known() }).Completed = now
	} else if rest, ok := after(m, "Job result after all job steps finish: "); ok {
		life := w.oldest(func(l *Life) bool { return l.Result == "" })
		life.Result, life.ResultAt = Text(rest, 32), now
	}
}

// notFound reads the answer of a server that has given the job up. It names the job.
func (w *workerLog) notFound(rest []byte, now At) {
	w.life.NotFound = now
	if w.life.Job == "" {
		w.life.Job = id(rest)
	}
}

// close ends the file: the last record is the last that is known of its lives.
func (w *workerLog) close(last At) {
	for _, life := range w.all {
		life.lastLine = last
		if len(w.all) > 1 && life.Completed.Known() {
			life.lastLine = life.Completed
		}
		if !life.Start.Known() {
			life.Start = life.lastLine // a file without a time in its name
		}
		life.End = later(life.Start, life.lastLine)
		life.page, life.mixed = !w.started, len(w.all) > 1
		life.Running = !w.started && w.from.started == 0
	}
}
