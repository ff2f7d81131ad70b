// Package exits has the codes with which a start ends that became no program, and what it says then.
package exits

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// Exit codes of the shim itself, as env(1), nohup(1) and chroot(1) have them. The Listener takes
// anything but 100 to 105 for a crash of the Worker and shows stderr on the job's page.
const (
	Failed   = 125 // the shim failed; nothing was started
	Cannot   = 126 // the program is there but cannot be run
	NotFound = 127 // there is no such program
)

// Failure ends a start: what to say and which code to exit with. Err is nil if there is nothing to say: the program
// ran, as a child, and ended with that code, or another process has said it.
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

// Fail returns a Failure that says so.
func Fail(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Err: fmt.Errorf(format, args...)}
}

// Cause takes the name that package exec has wrapped around an error off again.
func Cause(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// Hint explains what execve(2) says in few words.
func Hint(path string, err error) string {
	switch {
	case errors.Is(err, unix.ENOENT):
		if _, serr := os.Stat(path); serr == nil {
			return ": the file is there, so the interpreter named in its first line, or its dynamic loader, is not"
		}
	case errors.Is(err, unix.EACCES):
		return ": check its mode (chmod +x) and that its file system is not mounted noexec"
	case errors.Is(err, unix.ENOEXEC):
		return ": it is built for another machine, or damaged"
	case errors.Is(err, unix.E2BIG):
		return ": arguments and environment are too long, with one variable more than worker-wrap was given"
	}
	return ""
}

// NoRealWorker says what to do if the real Worker is missing.
func NoRealWorker(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return Fail(NotFound, "%s is not there: worker-wrap stands in place of %s and the runner's own Worker should be kept beside it under that name; "+
		"move it back, or unpack the runner's release again over its folder and run worker-wrap install", path, runner.WorkerName)
}

// StartsItself is what to say if the real Worker is worker-wrap by a script or a link, or a copy of it.
func StartsItself(path string) error {
	return fmt.Errorf("%s is worker-wrap itself, which would start itself for ever; put the runner's own Worker there (worker-wrap doctor says how)", path)
}
