package shim

import (
	"errors"
	"fmt"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/blame"
)

// Exit codes of the shim itself, as env(1), nohup(1) and chroot(1) have them. The Listener takes
// anything but 100 to 105 for a crash of the Worker and shows stderr on the job's page.
const (
	ExitFailed   = 125 // the shim failed; nothing was started
	ExitCannot   = 126 // the program is there but cannot be run
	ExitNotFound = 127 // there is no such program
)

// Failure ends a start: what to say and which code to exit with. Err is nil where there is nothing to say:
// the program ran, as a child, and ended with that code, or another process has said it.
type Failure struct {
	Code int
	Err  error
	Ran  bool // the program did, as a child
}

// Error is one line, whatever paths and messages it is made of.
func (f *Failure) Error() string {
	if f.Err == nil {
		return ""
	}
	return visible.Line(f.Err.Error())
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

func fail(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Err: fmt.Errorf(format, args...)}
}

// failure makes what went wrong before the program was reached the Failure it is.
func (s *start) failure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	if s.Worker == nil { // who gave a command knows that it was to be isolated
		return fail(ExitFailed, "this command was not started: %w", blame.Squashed(err))
	}
	return fail(ExitFailed, "this job was not started, because its _temp could not be isolated: %w", blame.Squashed(err))
}
