package logs

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
)

// workerLog reads what one Worker says.
type workerLog struct {
	life    *Life
	started bool     // the life's start was seen here: not a page that goes on from another
	last    input.At // its last record

	program, arguments []byte    // of the process that is being started
	running            []Process // up to ten steps run at once since 2.335
}

// maxRunning bounds the processes of a Worker that are remembered.
const maxRunning = 32

func isCancel(r input.Record) bool {
	return bytes.HasPrefix(r.Message, []byte("Cancellation/Shutdown message received"))
}

// record takes the first line of a record.
func (w *workerLog) record(r input.Record, now input.At) {
	m, life := r.Message, w.life
	if string(r.Trace) != "HostContext" { // with which the next log in a file begins
		w.last = now
	}
	switch m[0] {
	case 'C':
		if rest, ok := after(m, "Cleaning runner temp folder: "); ok {
			if len(life.Cleanups) < MaxList {
				life.Cleanups = append(life.Cleanups, Cleanup{now, input.Text(rest, input.MaxText)})
				life.Temp = cmp.Or(life.Temp, input.Text(rest, input.MaxText))
			}
		} else if isCancel(r) {
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
			// The answer of a server that has given the job up.
			life.NotFound = now
			life.Job = cmp.Or(life.Job, id(m[i+len("Job not found: "):]))
		}
	case 'J':
		w.jobMessage(m, now)
	case 'P':
		if rest, ok := after(m, "Process started with process id "); ok {
			w.startedProcess(rest, now)
		} else if rest, ok := after(m, "Processing step: DisplayName='"); ok {
			life.step = input.Text(bytes.TrimSuffix(rest, []byte{'\''}), 100)
			life.process = Process{}
		}
	case 'V':
		if rest, ok := after(m, "Version: "); ok && !w.started {
			life.Version = input.Text(rest, 32)
			w.started = true
		}
	case 'W':
		if rest, ok := after(m, "Well known directory 'Temp': '"); ok && !life.UsesTemp.Known() {
			life.UsesTemp = now
			life.Temp = input.Text(word(rest, "'"), input.MaxText)
		} else if _, ok := after(m, "Waiting to receive the job message"); ok {
			w.started = true
		}
	case ' ':
		if rest, ok := after(m, "  File name: '"); ok {
			w.program = append(w.program[:0], rest[:min(len(rest), 2*input.MaxText)]...)
		} else if rest, ok := after(m, "  Arguments: '"); ok {
			w.arguments = append(w.arguments[:0], rest[:min(len(rest), 2*input.MaxText)]...)
		}
	}
}

func (w *workerLog) jobMessage(m []byte, now input.At) {
	if rest, ok := after(m, "Job ID "); ok {
		w.life.Job = cmp.Or(w.life.Job, id(rest))
		w.started = true
	} else if _, ok := after(m, "Job completed."); ok && !w.life.Completed.Known() {
		w.life.Completed = now
	} else if rest, ok := after(m, "Job result after all job steps finish: "); ok && w.life.Result == "" {
		w.life.Result, w.life.ResultAt = input.Text(rest, 32), now
	}
}

// startedProcess notes a process and the step that it is of.
func (w *workerLog) startedProcess(rest []byte, now input.At) {
	pid, _ := number(rest)
	w.life.process = Process{At: now, PID: pid, What: describe(w.program, w.arguments), Step: w.life.step}
	w.program, w.arguments = w.program[:0], w.arguments[:0]
	if len(w.running) == maxRunning {
		w.running = slices.Delete(w.running, 0, 1)
	}
	w.running = append(w.running, w.life.process)
}

// runs returns which of the running processes has that PID, -1 if none.
func (w *workerLog) runs(pid int) int {
	return slices.IndexFunc(w.running, func(p Process) bool { return p.PID == pid })
}

// finishedProcess notes how a process ended. What is said next is about it.
func (w *workerLog) finishedProcess(rest []byte, now input.At) {
	pid, _ := number(rest)
	i := w.runs(pid)
	if i < 0 {
		return
	}
	w.life.process = w.running[i]
	w.running = slices.Delete(w.running, i, i+1)
	if code, ok := between(rest, "exit code ", ","); ok {
		if n, ok := number(code); ok && n == 127 && !w.life.Abnormal.Known() {
			w.life.Abnormal = now
		}
	}
}

// close ends the log: its last record is the last that is known of the life.
func (w *workerLog) close(several bool) {
	life := w.life
	life.LastLine = w.last
	if !life.Start.Known() {
		life.Start = life.LastLine // a file without a time in its name
	}
	life.End = input.Later(life.Start, life.LastLine)
	life.Page, life.Mixed = !w.started, several
	life.Running = !w.started && life.Log.Started == 0
}
