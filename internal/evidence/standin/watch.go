package standin

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// watch reads what the Worker writes, waits for its end and for that of its pipes, and reports.
func (w *Worker) watch() {
	l := w.listener
	ends := map[string]chan struct{}{"stdout": make(chan struct{}), "stderr": make(chan struct{}), "pipe": make(chan struct{})}
	go func() { w.readLines(w.stdout, true); close(ends["stdout"]) }()
	go func() { w.readLines(w.stderr, false); close(ends["stderr"]) }()
	go func() { _, _ = io.Copy(io.Discard, w.in); close(ends["pipe"]) }()

	stop := make(chan struct{})
	renewing := make(chan struct{})
	go func() {
		defer close(renewing)
		w.renew(stop)
	}()
	state, err := w.process.Wait()
	// The Listener may still have the message to write.
	<-w.sent
	if !w.hung() {
		close(stop)
		<-renewing
	}

	limit := l.Held
	if limit == 0 {
		limit = 5 * time.Second
	}
	patience := time.NewTimer(limit)
	defer patience.Stop()
	var held []string
	for _, name := range []string{"stdout", "stderr", "pipe"} {
		if held == nil {
			select {
			case <-ends[name]:
				continue
			case <-patience.C:
			}
		}
		select {
		case <-ends[name]:
		default:
			held = append(held, name)
		}
	}
	w.closePipes()
	for _, end := range ends {
		<-end
	}

	w.finish(state, err, held)
	close(w.done)
}

// renew renews the job until stop is closed, or the Listener.
func (w *Worker) renew(stop <-chan struct{}) {
	l := w.listener
	tick := time.NewTicker(l.scaled(renewInterval))
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.renewed(w.Job)
		case <-stop:
			return
		case <-l.closed:
			return
		}
	}
}

// finish notes how the Worker ended, and logs it.
func (w *Worker) finish(state *os.ProcessState, err error, held []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r := &w.result
	r.Held, r.Kept, r.Code = held, strings.Join(w.kept, "\n"), -1
	if err != nil {
		r.Err = errors.Join(r.Err, err)
	} else if status, ok := state.Sys().(syscall.WaitStatus); ok {
		r.Code = status.ExitStatus()
		if status.Signaled() {
			r.Signal = status.Signal()
		}
	}
	outcome, valid := resultOf(r.Code)
	if !valid && r.State == Completed {
		r.Shown = r.Kept
	}
	code := r.Code
	if r.Signal != 0 {
		code = 128 + int(r.Signal) // as .NET has it
	}
	l := w.listener
	l.record(w.Job.ID, common.Info, "ProcessInvokerWrapper", "Finished process %d with exit code %d, and elapsed time %s.", w.PID, code, common.Elapsed(time.Since(w.began)))
	if r.State != Completed {
		return // there is no more to be read of this job
	}
	if w.cancelled { // whatever the Worker says
		outcome = Canceled
	} else {
		l.record(w.Job.ID, common.Info, "JobDispatcher", "Worker finished for job %s. Code: %d", w.Job.ID, code)
		if !valid {
			l.record(w.Job.ID, common.Info, "JobDispatcher", "Return code %d indicate worker encounter an unhandled exception or app crash, attach worker stdout/stderr to JobRequest result.", code)
		}
	}
	l.record(w.Job.ID, common.Info, "JobDispatcher", "finish job request for job %s with result: %s", w.Job.ID, outcome)
	if r.Shown != "" && !w.cancelled {
		l.record(w.Job.ID, common.Error, "JobDispatcher", "Unhandled exception happened in worker:")
		l.record(w.Job.ID, common.Error, "JobDispatcher", "%s", r.Shown)
	}
}

// readLines keeps what a Worker writes, but for the log lines among it.
func (w *Worker) readLines(r io.Reader, stdout bool) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if stdout && strings.HasPrefix(line, common.EchoMark) {
			if record, ok := parseEcho(line); ok {
				record.PID, record.Job = w.PID, w.Job.ID
				w.listener.trace(record)
			}
		} else if line != "" {
			w.mu.Lock()
			w.kept = append(w.kept, line)
			w.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}
