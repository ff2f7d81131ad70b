package install

import (
	"fmt"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// LostError says that the shim is in place and the runner's own Worker is gone.
type LostError struct{ Dir string }

func (e *LostError) Error() string {
	return fmt.Sprintf("%s is worker-wrap, and the runner's own Worker, which should be %s beside it, is gone: no job can start; unpack the runner's release of the same version again over %s, then run worker-wrap install",
		filepath.Join(e.Dir, runner.WorkerName), runner.RealWorkerName, filepath.Dir(e.Dir))
}

// EmptyError says that a folder has no Worker.
type EmptyError struct{ Dir string }

func (e *EmptyError) Error() string {
	return fmt.Sprintf("%s has no %s: this is no whole runner; unpack the runner's release again over %s",
		e.Dir, runner.WorkerName, filepath.Dir(e.Dir))
}

// NoBinError says that bin leads nowhere, as it does for a moment in every update.
type NoBinError struct{ Layout runner.Layout }

func (e *NoBinError) Error() string {
	return fmt.Sprintf("%s leads nowhere: the runner cannot start, perhaps as an update was cut short; unpack the runner's release again over %s",
		e.Layout.Bin(), e.Layout.Root)
}

// RefusedError says that a start in a runner that is not yet wrapped would be refused.
type RefusedError struct {
	Root string
	User string
	Err  error // why, and what to do about it
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is left as it is, since worker-wrap could give no job of %s a _temp of its own: %v; mend that, or put it in place all the same, as in an image that is built for another machine: worker-wrap install --force%s",
		e.Root, visible.Word(e.User), e.Err, roots([]runner.Layout{{Root: e.Root}}))
}

func (e *RefusedError) Unwrap() error { return e.Err }
