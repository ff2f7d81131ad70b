package shim

import (
	"errors"
	"io/fs"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// program is what a start is about to become.
type program struct {
	path    string // of a Worker; a command is looked up
	kept    string // the real Worker's own, if it is laid over that; else ""
	temp    string // its _temp as the host sees it
	outcome string // for the event log
}

// become becomes the program. It returns if the kernel refuses.
func (s *start) become(p program) *exits.Failure {
	path, f := s.ready(p)
	if f != nil {
		return f
	}
	return s.exec(path, p)
}

// ready finds the program, and records the start.
func (s *start) ready(p program) (path string, f *exits.Failure) {
	path = p.path
	if s.Worker == nil {
		if path, f = lookup(s.Argv[0]); f != nil {
			return "", f
		}
	}
	s.Journal.Debugf("exec %s", path)
	s.Journal.Started(path, p.outcome, p.temp)
	return path, nil
}

// exec is the system call.
func (s *start) exec(path string, p program) *exits.Failure {
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
	code := exits.Cannot
	if errors.Is(err, fs.ErrNotExist) {
		code = exits.NotFound
	}
	if p.kept != "" { // in the host's view the other is worker-wrap
		path = p.kept
	}
	return exits.Fail(code, "cannot run %s: %w%s", path, err, exits.Hint(path, err))
}

// lookup finds a command as execvp(3) does, in the view that it will have: it may lie in the fresh folder's
// parents, or nowhere any more.
func lookup(command string) (string, *exits.Failure) {
	path, err := exec.LookPath(command)
	switch {
	case err == nil, errors.Is(err, exec.ErrDot):
		return path, nil
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return "", exits.Fail(exits.NotFound, "cannot run %s: no such command; check the spelling, PATH, and what mounts are there", command)
	case errors.Is(err, unix.EISDIR):
		return "", exits.Fail(exits.Cannot, "cannot run %s: it is a folder", command)
	}
	return "", exits.Fail(exits.Cannot, "cannot run %s: %w%s", command, exits.Cause(err), exits.Hint(command, err))
}
