package shim

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// lookup finds a command as execvp(3) does, within the new namespace: it may lie in the fresh folder's
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

// noRealWorker says what to do where the runner's own Worker is missing.
func noRealWorker(path string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return fail(ExitNotFound, "%s is not there: worker-wrap stands in place of %s and the runner's own Worker should be kept beside it under that name; "+
		"move it back, or unpack the runner's release again over its folder and run worker-wrap install", path, runner.WorkerName)
}
