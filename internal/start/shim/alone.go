package shim

import (
	"errors"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/alone"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// alone is the way of a program that has claimed the real _temp: in the namespace that the process came in.
func (s *start) alone() *exits.Failure {
	outcome := events.Plain
	if s.Settings.Policy.Isolate == policy.Alone {
		outcome = events.Alone
	}
	p, f := s.plain(outcome)
	if f != nil {
		return f
	}
	return s.become(p)
}

// plain is the program in the real _temp.
func (s *start) plain(outcome string) (program, *exits.Failure) {
	p := program{temp: s.Temp, outcome: outcome}
	if s.Worker == nil {
		return p, nil
	}
	w, err := s.openWorker()
	if f := (*exits.Failure)(nil); err != nil && errors.As(err, &f) {
		return p, f
	}
	if err != nil {
		return p, exits.Fail(exits.Failed, "this job was not started: %w", err)
	}
	if p.path = w.Named(); w.Real == nil {
		p.path = w.Path
	}
	w.Close()
	return p, nil
}

// unisolated is alone after isolation was tried, and says so. The thread that tried it may be in a
// namespace with half of the mounts, so another becomes the program.
//
// A Worker that is alone loses nothing by that. So nothing is said on stderr, which the Listener shows as the cause if
// the Worker then crashes.
func (s *start) unisolated(why error) (f *exits.Failure) {
	order := nsenter.DeathSignal()
	_ = nsenter.Outside(func() error {
		runtime.LockOSThread()
		if order > 0 {
			_ = unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(order), 0, 0, 0)
		}
		// Not before it is sure: the kernel may refuse such a thread, and the Worker can be missing.
		var p program
		if p, f = s.plain(events.Plain); f != nil {
			return nil
		}
		if s.Settings.Policy.Fallback == policy.FallbackRun {
			s.join()
			s.journal.Warn("this %s runs WITHOUT a _temp of its own (WORKER_WRAP_FALLBACK=run), because that could not be made: %v", s.Program(), why)
		} else {
			s.journal.Debugf("alone, and so without a _temp of its own, which could not be made: %v", why)
		}
		s.journal.FellBack(p.path, why)
		f = s.become(p)
		return nil
	})
	return f
}

// join makes a start that does not care whether it is alone known to those that do.
func (s *start) join() {
	c := &claiming{start: s, locks: alone.Join(s.inCommon(), lockPatience)}
	defer c.locks.Close()
	_, _ = c.keep()
	if err := s.record(); err != nil {
		s.journal.Debugf("nothing tells of this Worker if its keeper is killed: %v", err)
	}
}

// record has the record name this Worker, so that others find it also if its keeper was killed.
func (s *start) record() error {
	if s.Runner == nil {
		return nil
	}
	work, err := place.Open(filepath.Dir(s.Temp))
	if err != nil {
		return err
	}
	defer work.Close()
	root, err := place.Open(s.Runner.Root)
	if err != nil {
		return err
	}
	defer root.Close()
	diag, err := untrusted.Place(root, "_diag")
	if err != nil {
		return err
	}
	defer diag.Close()
	return early.Record(work, diag, s.self)
}
