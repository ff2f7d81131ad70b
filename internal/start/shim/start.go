package shim

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/start/begun"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
	"github.com/worker-wrap/worker-wrap/internal/start/claim"
	"github.com/worker-wrap/worker-wrap/internal/start/entry"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/keep"
	"github.com/worker-wrap/worker-wrap/internal/start/message"
	"github.com/worker-wrap/worker-wrap/internal/start/own"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// StartWorker is the start of a runner's Worker, under the terms of [Run]. It is the one way by which a start ends that
// did not become its Worker: whatever went wrong, the job's message has been taken when StartWorker returns, so the
// caller says why at once and ends.
func StartWorker(argv, env []string) *exits.Failure {
	return taking(argv, env, func() *exits.Failure {
		p, err := plan.ForWorker(argv, env)
		if err != nil {
			return &exits.Failure{Code: exits.Failed, Err: err}
		}
		return Run(p)
	})
}

// Run carries a plan out. It must be called on the main goroutine, and returns only if something
// failed: otherwise the process is the program by then. In a user namespace the program is a child, and
// Run returns how that ended.
func Run(p plan.Plan) *exits.Failure {
	s := newStart(p)
	f := s.follow()
	if f.Err != nil {
		s.Journal.Refused(f.Error())
	}
	return f
}

// start is one whose way is decided here.
type start struct{ *begun.Start }

func newStart(p plan.Plan) *start { return &start{begun.New(p)} }

func (s *start) keeper() keep.Start  { return keep.Start{Start: s.Start} }
func (s *start) claims() claim.Start { return claim.Start{Start: s.Start} }

func (s *start) own() own.Start { return own.Start{Start: s.Start} }

// follow takes the steps that policy names. The last one is either alone or private.
func (s *start) follow() *exits.Failure {
	if err := s.plainIDs(); err != nil {
		return s.failure(err)
	}
	if s.Worker != nil {
		// Before it finds taken what the start has locked that has become this one.
		if err := (entry.Start{Start: s.Start}).Itself(); err != nil {
			return exits.Fail(exits.Failed, "this job was not started: %w", err)
		}
	}
	s.warnOfSettings()
	var facts policy.Facts
	var failed, claimed error // why there is no _temp of its own; why the real one is not to be had
	for {
		switch policy.Next(s.Settings.Policy, facts) {
		case policy.Look:
			facts.Earlier = s.claims().Look()
		case policy.Wait:
			s.claims().Wait(facts)
			facts.Waited, facts.Claim = true, policy.Untried
		case policy.Claim:
			facts.Claim = policy.Won
			if claimed = s.claims().Try(facts); claimed != nil {
				facts.Claim = policy.Lost
			}
		case policy.Plain:
			return s.alone()
		case policy.Isolate:
			var f *exits.Failure
			if f, failed = s.isolated(); failed == nil || errors.As(failed, &f) {
				return f
			}
			facts.Failed = true
		case policy.Unisolated:
			return s.unisolated(failed)
		default:
			return s.refuse(failed, claimed)
		}
	}
}

// isolated becomes the program in a _temp of its own. err is why there is none; what fails after that is f.
func (s *start) isolated() (f *exits.Failure, err error) {
	if s.Settings.Policy.Userns {
		return s.supervise()
	}
	p, err := s.private(
		func(p place.Places) (folder, error) { return s.makeFolder(p, s.Self) },
		func(p place.Places) (own.All, error) { return s.own().Make(p, s.Self) })
	if err != nil {
		return nil, err
	}
	return s.become(p), nil
}

// private is the way of a program that gets a _temp of its own: in the folders that get and getOwn make, or find.
func (s *start) private(get func(place.Places) (folder, error), getOwn func(place.Places) (own.All, error)) (program, error) {
	if err := s.MayMount(); err != nil {
		return program{}, err
	}
	var host place.Host
	var made folder
	err := s.patiently(func() (err error) {
		if host, err = s.openHost(); err != nil {
			return err
		}
		if made, err = get(host.Places); err != nil {
			host.Close()
		}
		return err
	})
	if err != nil {
		return program{}, err
	}
	defer host.Close()
	defer made.close()
	var covered own.All
	if made.from != mounted { // else they lie there, too
		if covered, err = getOwn(host.Places); err != nil {
			made.discard()
			return program{}, err
		}
	}
	defer covered.Close()
	s.Journal.Stage("folder")
	var beside proxy
	err = s.patiently(func() (err error) {
		beside, err = s.launch(host, made, covered)
		return err
	})
	if err != nil {
		made.discard()
		covered.Discard()
		return program{}, err
	}
	s.Journal.Stage("docker")
	host.Places.Close() // a process may have few descriptors
	p, err := s.enter(host, made, covered, beside)
	if err == nil {
		beside.Keep()
	} else {
		beside.End()
		made.discard()
		covered.Discard()
	}
	return p, err
}

// refuse says why no program is started.
func (s *start) refuse(failed, claimed error) *exits.Failure {
	if said := (errSaid{}); errors.As(failed, &said) {
		s.Journal.Refused(failed.Error())
		return &exits.Failure{Code: exits.Failed}
	}
	if claimed != nil && s.Settings.Policy.Fallback == policy.FallbackWait {
		failed = fmt.Errorf("%w; and it cannot run without: %w", failed, claimed)
	}
	return s.failure(failed)
}

// failure makes what went wrong before the program was reached the Failure it is.
func (s *start) failure(err error) *exits.Failure {
	var f *exits.Failure
	if errors.As(err, &f) {
		return f
	}
	if s.Worker == nil { // who gave a command knows that it was to be isolated
		return exits.Fail(exits.Failed, "this command was not started: %w", blame.Squashed(err))
	}
	return exits.Fail(exits.Failed, "this job was not started, because its _temp could not be isolated: %w", blame.Squashed(err))
}

// plainIDs refuses a process whose effective ids are not its real ones.
func (s *start) plainIDs() error {
	if os.Geteuid() == int(s.Caller) && os.Getegid() == os.Getgid() {
		return nil
	}
	return errors.New("worker-wrap is installed set-user-ID or set-group-ID, which the program it starts would inherit; " +
		"take the bit away and use a file capability: " + blame.SetcapCommand())
}

func (s *start) warnOfSettings() {
	if _, warning := s.Patience(); warning != "" {
		s.Journal.Warn("%s", warning)
	}
	if s.Settings.Unknown != "" {
		s.Journal.Warn("%.80q %s", s.Settings.Unknown, plan.UnknownSetting)
	}
}

// taking takes the job's message once start has returned, or panicked, unless a child was the Worker.
func taking(argv, env []string, start func() *exits.Failure) *exits.Failure {
	f := attempt(start)
	if !f.Ran {
		message.Take(argv, policy.ChannelTimeout(environ.Get(env, policy.ChannelTimeoutVar)))
	}
	return f
}

// attempt makes a panic of start's, a mistake in this program, a failure. With WORKER_WRAP_LOG=debug the stack is said too.
func attempt(start func() *exits.Failure) (f *exits.Failure) {
	defer func() {
		if v := recover(); v != nil {
			if origin.Traced() {
				origin.Quiet()
				_, _ = os.Stderr.Write(debug.Stack())
			}
			f = exits.Fail(exits.Failed, "panic: %v%s", v, origin.Mistake)
		}
	}()
	return start()
}
