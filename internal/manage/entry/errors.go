package entry

import (
	"fmt"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// LostError says that the shim is in place and the runner's own Worker is gone.
type LostError struct {
	Dir    string
	Behind string // the name by which another tool starts the shim, "" if none does
}

func (e *LostError) Error() string {
	shim, kept := runner.WorkerName, runner.RealWorkerName
	if e.Behind != "" {
		shim, kept = e.Behind, runner.KeptWorkerName
	}
	return fmt.Sprintf("%s is worker-wrap, and the runner's own Worker, which should be %s beside it, is gone: no job can start; unpack the runner's release of the same version again over %s, then run worker-wrap install",
		filepath.Join(e.Dir, shim), kept, filepath.Dir(e.Dir))
}

// UnclearError says that an install would lose one of two files.
type UnclearError struct{ Dir string }

func (e *UnclearError) Error() string {
	return fmt.Sprintf("%s is not worker-wrap, and may not be the runner's own Worker (.NET's host for %s.dll); beside it is %s, which worker-wrap keeps: move away the one that jobs do not need, then run worker-wrap install",
		filepath.Join(e.Dir, runner.WorkerName), runner.WorkerName, runner.KeptWorkerName)
}

// MovedError says that what starts worker-wrap has a name of another tool's, and would start nothing.
type MovedError struct {
	Dir  string
	Name string
}

func (e *MovedError) Error() string {
	return fmt.Sprintf("%s starts worker-wrap by a name that no install gives, and no file beside it is the runner's own Worker (.NET's host for %s.dll): delete it if no other tool starts it, else put the runner's own Worker in its place; then run this again",
		filepath.Join(e.Dir, e.Name), runner.WorkerName)
}

// LinkedError says that another tool starts worker-wrap by a link, which does not tell it that it is a Worker.
type LinkedError struct{ Dir, Name string }

func (e *LinkedError) Error() string {
	return fmt.Sprintf("%s is a link to worker-wrap that another tool has moved, by which no job can start: take that tool out until worker-wrap install is done, or choose a place without a blank and with a shorter path: worker-wrap install --prefix DIR",
		filepath.Join(e.Dir, e.Name))
}

// BarredError says that a user may not execute what a job of theirs starts in a bin folder.
type BarredError struct {
	User string
	Path string // the file
	By   string // it, or a folder on the way to it
}

func (e *BarredError) Error() string {
	return fmt.Sprintf("%s cannot run %s because of the mode of %s: sudo chmod a+rx %s", e.User, e.Path, e.By, visible.Word(e.By))
}

// EmptyError says that a folder has no Worker.
type EmptyError struct{ Dir string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("%s has no %s: this runner is not complete; unpack the runner's release again over %s",
		e.Dir, runner.WorkerName, filepath.Dir(e.Dir))
}

// NoBinError says that bin leads nowhere, as it does for a moment in every update.
type NoBinError struct{ Layout runner.Layout }

func (e *NoBinError) Error() string {
	return fmt.Sprintf("%s leads nowhere: the runner cannot start, perhaps as an update was cut short; unpack the runner's release again over %s",
		e.Layout.Bin(), e.Layout.Root)
}
