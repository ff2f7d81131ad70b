package left

import (
	"errors"
	"io/fs"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Of is [Find] for some runners. One whose _diag is not there, or may not be looked into, has left nothing that could be
// found; the error is of the others.
func Of(runners ...runner.Layout) (Found, error) {
	var places []Place
	var failed error
	for _, l := range runners {
		diag, err := l.Folder(l.Diag())
		switch {
		case err == nil:
			defer diag.Close()
			places = append(places, Place{l.Root, diag})
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			failed = errors.Join(failed, err)
		}
	}
	found, err := Find(places)
	return found, errors.Join(failed, err)
}
