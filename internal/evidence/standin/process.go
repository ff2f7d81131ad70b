package standin

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"
)

// Worker is a Worker as its Listener sees it.
type Worker struct {
	PID int
	Job Job

	listener       *Listener
	process        *os.Process
	out, in        *os.File // the Listener's ends of the pipes
	stdout, stderr *os.File
	sending        sync.Mutex
	began          time.Time
	cancel         sync.Once
	sent, done     chan struct{} // closed when the job was sent or not, and when all is over

	mu        sync.Mutex
	kept      []string
	cancelled bool
	result    Result
}

// Result is how a Worker ended.
type Result struct {
	Code   int            // the exit code, or -1 where a signal ended it
	Signal syscall.Signal // that signal, or 0
	// Shown is what the user gets to read as the job's error: what the Worker wrote, if its code is none
	// of a result.
	Shown string
	// Kept is what the Worker wrote on stdout and stderr, without the lines that begin with "[WORKER".
	Kept string
	// Held names the pipes of the Worker that somebody kept open after its end.
	Held []string
	// Err is why the job could not be sent.
	Err error
}

// Cancel asks the Worker to cancel its job, as a user's click does. A Worker that does not end within
// 60 s is killed. The error is of the sending; the Worker is killed then too.
func (w *Worker) Cancel() error { return w.stop(cancelJob) }

// Shutdown tells the Worker that the runner is being stopped.
func (w *Worker) Shutdown() error { return w.stop(runnerShutdown) }

func (w *Worker) stop(kind messageType) (err error) {
	w.cancel.Do(func() {
		l := w.listener
		w.mu.Lock()
		w.cancelled = true
		w.mu.Unlock()
		l.record(w.Job.ID, levelInfo, "JobDispatcher", "Send job cancellation message to worker for job %s.", w.Job.ID)
		if err = w.send(kind, ""); err != nil {
			l.record(w.Job.ID, levelInfo, "JobDispatcher", "Job cancel message sending for job %s failed, kill running worker.", w.Job.ID)
			_ = w.Kill()
			return
		}
		go func() {
			select {
			case <-w.done:
			case <-time.After(l.scaled(killAfter)):
				l.record(w.Job.ID, levelInfo, "JobDispatcher", "worker process for job %s haven't exit within cancellation timout, kill running worker.", w.Job.ID)
				_ = w.Kill()
			}
		}()
	})
	return err
}

// Kill sends SIGKILL to the Worker's process, and to no other.
func (w *Worker) Kill() error {
	if err := w.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Abort ends the Worker and everything below it. No Listener does that; it is for those who tidy up.
func (w *Worker) Abort() {
	if !w.ended() {
		_ = w.process.Signal(syscall.SIGSTOP) // it starts nothing while its processes are counted
		killTree(w.PID)
	}
	<-w.done
}

// Done is closed when the Worker has ended and its pipes are closed, or given up.
func (w *Worker) Done() <-chan struct{} { return w.done }

// Wait waits for [Worker.Done] and returns how the Worker ended.
func (w *Worker) Wait() Result {
	<-w.done
	return w.result
}

func (w *Worker) ended() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// send sends a message, for at most 30 s: a pipe holds less than most jobs' messages, so this waits
// for the Worker to read.
func (w *Worker) send(kind messageType, body string) error {
	w.sending.Lock()
	defer w.sending.Unlock()
	if err := w.out.SetWriteDeadline(time.Now().Add(w.listener.scaled(sendLimit))); err != nil {
		return err
	}
	return send(w.out, kind, body)
}

// note keeps the first error.
func (w *Worker) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.result.Err == nil {
		w.result.Err = err
	}
}

func (w *Worker) closePipes() {
	for _, f := range []*os.File{w.out, w.in, w.stdout, w.stderr} {
		if f != nil {
			f.Close()
		}
	}
}
