package standin

import (
	"errors"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/common"
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
	aborted        chan struct{} // closed by Abort
	aborting       sync.Once

	mu        sync.Mutex
	kept      []string
	cancelled bool
	result    Result
}

// State is what the service knows of a job whose Worker has ended.
type State int

// The states.
const (
	// Completed is the state of a job whose result the Listener has reported.
	Completed State = iota
	// Hung is the state of a job whose message could not be written, since the Worker had ended. It is never completed: the
	// Listener renews it until [Listener.Close], and shows nothing of what the Worker wrote.
	Hung
	// Dropped is the state of a job whose message was not read in time. It is never completed, and not renewed.
	Dropped
)

func (s State) String() string { return [...]string{"completed", "hung", "dropped"}[s] }

// Result is how a Worker ended.
type Result struct {
	State  State
	Code   int            // the exit code, or -1 if a signal ended it
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
func (w *Worker) Cancel() error { return w.stop(common.CancelJob) }

// Shutdown tells the Worker that the runner is being stopped.
func (w *Worker) Shutdown() error { return w.stop(common.RunnerShutdown) }

// stop sends a message after that of the job. For a job that hangs it does nothing, as upstream.
func (w *Worker) stop(kind common.MessageType) (err error) {
	<-w.sent
	if w.hung() {
		return nil
	}
	w.cancel.Do(func() {
		l := w.listener
		w.mu.Lock()
		w.cancelled = true
		w.mu.Unlock()
		l.record(w.Job.ID, common.Info, "JobDispatcher", "Send job cancellation message to worker for job %s.", w.Job.ID)
		if err = w.send(kind, nil); err != nil {
			l.record(w.Job.ID, common.Info, "JobDispatcher", "Job cancel message sending for job %s failed, kill running worker.", w.Job.ID)
			_ = w.Kill()
			return
		}
		go func() {
			select {
			case <-w.done:
			case <-time.After(killAfter):
				l.record(w.Job.ID, common.Info, "JobDispatcher", "worker process for job %s haven't exit within cancellation timout, kill running worker.", w.Job.ID)
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
	w.aborting.Do(func() { close(w.aborted) })
	if !w.ended() {
		common.StopTree(w.PID)
		common.KillTree(w.PID)
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
func (w *Worker) send(kind common.MessageType, body []byte) error {
	w.sending.Lock()
	defer w.sending.Unlock()
	if err := w.out.SetWriteDeadline(time.Now().Add(sendLimit)); err != nil {
		return err
	}
	return common.Send(w.out, kind, body)
}

// note keeps why the job was not sent, and what has become of it.
func (w *Worker) note(err error, state State) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.Err, w.result.State = err, state
}

// hung reports whether the job's message could not be written.
func (w *Worker) hung() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.result.State == Hung
}

func (w *Worker) closePipes() {
	for _, f := range []*os.File{w.out, w.in, w.stdout, w.stderr} {
		if f != nil {
			f.Close()
		}
	}
}
