package ended

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// processes ends what the job has left running, if that is wanted. It returns nil if nothing of it is to be found.
func (e *end) processes(at time.Time) (*left.Held, error) {
	if e.diag == "" {
		return nil, nil
	}
	self, err := perpid.Self()
	if err != nil {
		return nil, err
	}
	root, err := untrusted.At(nil, filepath.Dir(e.diag), os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	diag, err := untrusted.Place(root, filepath.Base(e.diag)) // open as long as this process lives
	if err != nil {
		return nil, err
	}
	worker := perpid.Owner{PID: e.job.PID, Start: e.job.Start, PIDNS: self.PIDNS, Boot: self.Boot}
	held, err := left.Hold(filepath.Dir(e.diag), diag, worker, "/proc/self/fd/"+strconv.Itoa(detach.FirstFile+1), at)
	if held == nil {
		return nil, err
	}
	done, eerr := held.End()
	if len(done.Gone)+len(done.Left) > 0 {
		eerr = errors.Join(eerr, e.record(leftEvent(e.job, done)))
	}
	return held, errors.Join(err, eerr)
}

// leftEvent tells what became of the processes.
func leftEvent(job events.Process, done left.Ended) events.Event {
	event := events.Event{Kind: events.Left, PID: os.Getpid(), Job: job, Outcome: events.Ended, Files: int64(len(done.Gone))}
	for _, p := range done.Left {
		event.Alive = append(event.Alive, p.PID)
	}
	if len(done.Left) > 0 {
		p := done.Left[0]
		event.Outcome, event.Error = events.Partly, fmt.Sprintf("process %d (%s): %s", p.PID, p.Command, p.Why)
	}
	return event
}
