package standin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
)

// start starts a Worker, and sends it its job while it runs already.
func (l *Listener) start(job Job) (*Worker, error) {
	l.record(job.ID, common.Info, "Terminal", "WRITE LINE: %s: Running job: %s", time.Now().UTC().Format(common.LineTime), job.Name)
	l.record(job.ID, common.Info, "JobDispatcher", "Start renew job request 0 for job %s.", job.ID)
	l.renewed(job)
	body := job.Body
	if body == nil {
		text, err := job.encode()
		if err != nil {
			return nil, err
		}
		body = common.UTF16(text)
	}
	w := &Worker{Job: job, listener: l, sent: make(chan struct{}), done: make(chan struct{}), aborted: make(chan struct{}), began: time.Now()}
	if err := w.spawn(); err != nil {
		return nil, fmt.Errorf("the Worker cannot be started: %w", err)
	}
	l.mu.Lock()
	l.previous = w
	l.mu.Unlock()
	l.record(job.ID, common.Info, "JobDispatcher", "Send job request message to worker for job %s.", job.ID)
	go func() {
		defer close(w.sent)
		w.hold()
		w.noteSent(w.send(common.NewJob, body))
	}()
	go w.watch()
	return w, nil
}

// hold waits until it is time to write the job's message.
func (w *Worker) hold() {
	l := w.listener
	release := l.Release
	if release == nil {
		l.mu.Lock()
		delay := coldDelay
		if l.warm {
			delay = warmDelay
		}
		l.mu.Unlock()
		over := make(chan struct{})
		release = over
		defer time.AfterFunc(l.scaled(delay), func() { close(over) }).Stop()
	}
	select {
	case <-release:
	case <-w.aborted:
	}
}

// noteSent notes what has become of the job with its message.
func (w *Worker) noteSent(err error) {
	l := w.listener
	switch {
	case err == nil:
		l.mu.Lock()
		l.warm = true
		l.mu.Unlock()
	case errors.Is(err, os.ErrDeadlineExceeded):
		l.record(w.Job.ID, common.Info, "JobDispatcher", "Job request message sending for job %s been cancelled, kill running worker.", w.Job.ID)
		w.note(err, Dropped)
		_ = w.Kill()
	default: // an IOException: it goes up to whoever waits for the dispatch, and for now nobody does
		w.note(err, Hung)
	}
}

func (l *Listener) renewed(job Job) {
	till := time.Now().Add(10 * time.Minute).UTC().Format("1/2/2006 3:04:05 PM")
	l.record(job.ID, common.Info, "JobDispatcher", "Successfully renew job %s, job is valid till %s", job.ID, till)
}

// spawn starts the process. Of each pipe the Worker gets one end, under the number it is told, and the
// Listener closes its own copy of that.
func (w *Worker) spawn() (err error) {
	l := w.listener
	bin, err := filepath.EvalSymlinks(filepath.Join(l.Root, "bin"))
	if err != nil {
		return err
	}
	env, err := l.environment()
	if err != nil {
		return err
	}
	handles := l.Handles
	if handles == [2]int{} {
		handles = [2]int{160, 164}
	}
	if handles[0] < 3 || handles[1] < 3 || handles[0] == handles[1] {
		return fmt.Errorf("%v are not handles: two numbers from 3 on", handles)
	}

	var theirs []*os.File
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
		if err != nil {
			w.closePipes()
		}
	}()
	pipe := func(ours **os.File, childReads bool) (*os.File, error) {
		r, wr, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		child := wr
		if *ours = r; childReads {
			child, *ours = r, wr
		}
		theirs = append(theirs, child)
		return child, nil
	}
	files := make([]*os.File, max(handles[0], handles[1])+1)
	var stdin *os.File
	for _, p := range []struct {
		at         int
		ours       **os.File
		childReads bool
	}{
		{0, &stdin, true},
		{1, &w.stdout, false},
		{2, &w.stderr, false},
		{handles[0], &w.out, true},
		{handles[1], &w.in, false},
	} {
		if files[p.at], err = pipe(p.ours, p.childReads); err != nil {
			return err
		}
	}
	stdin.Close() // at once, so that the Worker finds its stdin ended

	const source = "ProcessInvokerWrapper"
	path := filepath.Join(bin, WorkerName)
	arguments := []string{"spawnclient", fmt.Sprint(handles[0]), fmt.Sprint(handles[1])}
	l.record(w.Job.ID, common.Info, source, "Starting process:")
	l.record(w.Job.ID, common.Info, source, "  File name: '%s'", path)
	l.record(w.Job.ID, common.Info, source, "  Arguments: '%s %s %s'", arguments[0], arguments[1], arguments[2])
	l.record(w.Job.ID, common.Info, source, "  Working directory: '%s'", bin)
	w.process, err = os.StartProcess(path, append([]string{path}, arguments...), &os.ProcAttr{Dir: bin, Env: env, Files: files, Sys: l.Sys})
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w (is its file system mounted noexec?)", err)
	}
	if err != nil {
		return err
	}
	w.PID = w.process.Pid
	l.record(w.Job.ID, common.Info, source, "Process started with process id %d, waiting for process exit.", w.PID)
	return nil
}
