package shim

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/start/entry"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// alone is the way of a program that has claimed the plain _temp: in the namespace that the process came in.
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

// plain is the program in the plain _temp.
func (s *start) plain(outcome string) (program, *exits.Failure) {
	p := program{temp: s.Temp, outcome: outcome}
	if s.Worker == nil {
		return p, nil
	}
	w, err := entry.Open(entry.Start{Start: s.Start})
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
			s.claims().Join()
			s.Journal.Warn("this %s runs WITHOUT a _temp of its own (WORKER_WRAP_FALLBACK=run), because that could not be made: %v", s.Program(), why)
		} else {
			s.Journal.Debugf("alone, and so without a _temp of its own, which could not be made: %v", why)
		}
		s.Journal.FellBack(p.path, why)
		f = s.become(p)
		return nil
	})
	return f
}
