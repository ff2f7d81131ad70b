// Package ended is what a keeper becomes when its Worker has ended: it sweeps what the Worker used, and records the end.
//
// The keeper itself (internal/start/early) has no Go runtime while the job runs. By now nobody waits for it.
package ended

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/detach"
	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// end is that of one Worker.
type end struct {
	diag  string // the runner's _diag, "" if there is none
	job   events.Process
	begun time.Time
	work  string // the work folder's path
}

// Run records in the runner's _diag, args[0], that a Worker has ended: args[1] is its PID, args[2] its start in clock
// ticks after boot, args[3] when it began in nanoseconds since 1970. Before, it deletes what that Worker, and others
// that are dead, left in the work folder. That is open as [detach.FirstFile], and its path is args[4].
//
// If the Worker's mount namespace is open as the next descriptor, the processes in it come first. It stays open as long
// as package left wants that.
//
// Anybody may start it with any arguments, so it first gives up what the file it runs from grants. If that cannot be, it
// only records the end.
func Run(args []string) error {
	kept := detach.DropPrivilege()
	e, err := parse(args)
	if err != nil {
		return fmt.Errorf("it is started by worker-wrap only: %w", err)
	}
	lived := max(0, time.Since(e.begun))
	if kept != nil {
		return errors.Join(kept, e.record(e.event(lived)))
	}
	held, err := e.processes(e.begun.Add(lived)) // those that are to end may keep the machine busy
	detach.Idle()
	err = errors.Join(err, e.tidy(lived))
	if held != nil {
		err = errors.Join(err, held.Stay())
	}
	return err
}

// tidy deletes what dead Workers left in the work folder, and records the end of this one, which lived so long.
func (e *end) tidy(lived time.Duration) error {
	event := e.event(lived)
	if weakRoot() {
		return e.record(event)
	}
	self, err := perpid.Self()
	if err != nil {
		return errors.Join(err, e.record(event))
	}
	stores, err := e.stores()
	for _, s := range stores {
		defer s.Close()
		err = errors.Join(err, e.sweep(s, self, &event))
	}
	err = errors.Join(err, e.record(event))
	for _, s := range stores {
		err = errors.Join(err, sweeper.Leftovers(s.Store, s.path, e.diag, self))
	}
	return err
}

// store is an open store, and its path.
type store struct {
	*perpid.Store
	path string
}

// stores opens those that there are: in the work folder, which is held, and in the runner's root.
func (e *end) stores() (out []store, err error) {
	work := os.NewFile(detach.FirstFile, e.work)
	paths := []string{filepath.Join(e.work, perpid.StoreName)}
	if e.diag != "" {
		paths = perpid.Paths(filepath.Dir(e.diag), filepath.Join(e.work, "_temp"))
	}
	for _, path := range paths {
		open := func() (*perpid.Store, error) { return perpid.Open(path) }
		if filepath.Dir(path) == e.work {
			open = func() (*perpid.Store, error) { return perpid.OpenIn(work) }
		}
		s, failed := open()
		if failed == nil {
			out = append(out, store{s, path})
		} else if !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return out, err
}

func parse(args []string) (e end, err error) {
	if len(args) != 5 {
		return e, errors.New("five arguments are missing")
	}
	pid, err := strconv.Atoi(args[1])
	start, err2 := strconv.ParseUint(args[2], 10, 64)
	begun, err3 := strconv.ParseInt(args[3], 10, 64)
	e = end{args[0], events.Process{PID: pid, Start: start}, time.Unix(0, begun), args[4]}
	if !filepath.IsAbs(e.work) { // as .runner has it
		e.work = filepath.Join(filepath.Dir(e.diag), e.work)
	}
	return e, errors.Join(err, err2, err3)
}

func (e *end) event(lived time.Duration) events.Event {
	return events.Event{
		Kind: events.End, PID: os.Getpid(), Job: e.job, Outcome: events.Ended,
		Stages: events.Stages{{Name: "job", Duration: lived}},
	}
}

func (e *end) record(event events.Event) error {
	if e.diag == "" {
		return nil
	}
	return events.Append(e.diag, event)
}

// sweep deletes what the Worker itself used, and notes that in the event of its end.
func (e *end) sweep(s store, self perpid.Owner, event *events.Event) error {
	worker := perpid.Owner{PID: e.job.PID, Start: e.job.Start, PIDNS: self.PIDNS, Boot: self.Boot}
	var count atomic.Int64
	swept, err := s.Sweep(perpid.NewJudge(self, s.Remote()), perpid.Sweep{Of: worker, Deleted: &count})
	event.Files += count.Load()
	if len(swept.Deleted)+len(swept.Kept) > 0 {
		event.Dir = filepath.Join(s.path, worker.String())
	}
	if err = errors.Join(err, swept.Err); err != nil {
		event.Outcome, event.Error = events.Partly, err.Error()
	}
	return err
}

// weakRoot reports whether the user is root without root's capabilities, who could not delete everything; and what a
// sweep could not delete is left alone by later ones.
func weakRoot() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return os.Geteuid() == 0 && (unix.Capget(&header, &data[0]) != nil || data[0].Effective&(1<<unix.CAP_DAC_OVERRIDE) == 0)
}
