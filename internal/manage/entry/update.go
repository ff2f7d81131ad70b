package entry

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// phase is how far a self-update is.
type phase int

// The phases.
const (
	// unknown: there is no sign of an update, or one is just clearing away what an earlier one has left.
	unknown phase = iota
	// copying: the update has begun, and has not yet written the script that will switch to the new version.
	//
	// Meanwhile nothing of worker-wrap's must be in the new version's folder. The copy opens each file that is there
	// already and has another size or time, and follows links (IOUtil.CopyDirectory). It would fail at a file of
	// root's, or overwrite it. A file is there already if an earlier update to the same version failed.
	copying
	// copied: the new version's folder is whole, and the update writes there no more.
	copied
)

// phaseOf says how far the runner's self-update is; the last one that ended is copied.
func phaseOf(l runner.Layout) phase {
	var folder, script unix.Stat_t
	if err := unix.Lstat(filepath.Join(l.Work, runner.UpdateFolder), &folder); err != nil {
		return unknown
	}
	err := unix.Lstat(filepath.Join(l.Work, runner.UpdateScript), &script)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return copying
	case err != nil:
		return unknown
	case folder.Ctim.Nano() > script.Ctim.Nano(): // the change time, which no archive or copy sets
		return copying
	}
	return copied
}

// Wrap plans what an install, and the watch that keeps it, makes of a bin folder of the runner: the shim in the one
// that is in use, and in one that waits, unless an update may still write there. A watch, which looks at the very moments
// of an update, is to be careful: it does not touch one that waits if the phase is unknown.
func (s State) Wrap(b Bin, careful bool, place string) ([]Step, error) {
	switch now := s.phase; {
	case b.Current:
		return wrap(b, place)
	case !b.Waiting, b.Worker == Missing:
		return nil, nil
	case now == copying && ours(b.Worker):
		return Unwrap(b)
	case now == copying, now == unknown && careful:
		return nil, nil
	}
	return wrap(b, place)
}
