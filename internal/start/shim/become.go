package shim

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// program is what a start is about to become.
type program struct {
	path    string // of a Worker; a command is looked up
	temp    string // its _temp as the host sees it
	outcome string // for the event log
}

// become becomes the program. It returns if the kernel refuses.
func (s *start) become(p program) *Failure {
	path, f := s.ready(p)
	if f != nil {
		return f
	}
	return s.exec(path, p)
}

// ready finds the program, and records the start.
func (s *start) ready(p program) (path string, f *Failure) {
	path = p.path
	if s.Worker == nil {
		if path, f = lookup(s.Argv[0]); f != nil {
			return "", f
		}
	}
	s.journal.debugf("exec %s", path)
	s.journal.started(path, p)
	return path, nil
}

// exec is the system call.
func (s *start) exec(path string, p program) *Failure {
	env := make([]string, 0, len(s.Env)+1)
	for _, e := range s.Env {
		if !strings.HasPrefix(e, perpid.HostTempVar+"=") { // from a start around this one
			env = append(env, e)
		}
	}
	if p.outcome != events.Alone { // which is not to notice anything
		env = append(env, perpid.HostTempVar+"="+p.temp)
	}
	err := origin.Exec(path, s.Argv, env)
	if errors.Is(err, unix.ENOEXEC) && s.Worker == nil {
		// A script without #! is run by the shell, as execvp(3) does.
		argv := append([]string{"sh", path}, s.Argv[1:]...)
		err = origin.Exec("/bin/sh", argv, env)
	}
	code := ExitCannot
	if errors.Is(err, fs.ErrNotExist) {
		code = ExitNotFound
	}
	return fail(code, "cannot run %s: %w%s", path, err, execHint(path, err))
}

// lookup finds a command as execvp(3) does, in the view that it will have: it may lie in the fresh folder's
// parents, or nowhere any more.
func lookup(command string) (string, *Failure) {
	path, err := exec.LookPath(command)
	switch {
	case err == nil, errors.Is(err, exec.ErrDot):
		return path, nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return "", fail(ExitNotFound, "cannot run %s: no such command; check the spelling, PATH, and what mounts are there", command)
	case errors.Is(err, unix.EISDIR):
		return "", fail(ExitCannot, "cannot run %s: it is a folder", command)
	}
	return "", fail(ExitCannot, "cannot run %s: %w%s", command, cause(err), execHint(command, err))
}

// cause takes the name that package exec has wrapped around an error off again.
func cause(err error) error {
	var e *exec.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// execHint explains what execve(2) says in few words.
func execHint(path string, err error) string {
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

// noRealWorker says what to do if the real Worker is missing.
func noRealWorker(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fail(ExitNotFound, "%s is not there: worker-wrap stands in place of %s and the runner's own Worker should be kept beside it under that name; "+
		"move it back, or unpack the runner's release again over its folder and run worker-wrap install", path, runner.WorkerName)
}
