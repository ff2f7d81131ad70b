package install

import (
	"errors"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// What a self-update leaves in the work folder (src/Runner.Listener/SelfUpdater.cs and SelfUpdaterV2.cs).
const (
	// UpdateFolder is where it unpacks the new version; it is made anew for each update.
	UpdateFolder = "_update"
	// UpdateScript is what it runs to switch versions. It is written when all is copied and the running job
	// has ended.
	UpdateScript = "_update.sh"
)

// Copying reports whether a self-update of the runner may be copying a new version to bin.<version>: it
// has begun, and has not yet written the script that will switch to it.
//
// Meanwhile a link to worker-wrap must not be there. The copy opens each file that is there already and
// has another size or time, follows links as it does so (IOUtil.CopyDirectory), and would fail at a file
// of root's, or overwrite it. A file is there already if an earlier update to the same version failed.
func Copying(l runner.Layout) bool {
	var folder, script unix.Stat_t
	if err := unix.Lstat(filepath.Join(l.Work, UpdateFolder), &folder); err != nil {
		return false
	}
	if err := unix.Lstat(filepath.Join(l.Work, UpdateScript), &script); err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	// The change time, which no archive or copy sets.
	return folder.Ctim.Nano() > script.Ctim.Nano()
}

// keepSteps plans what an install, and the watch that keeps it, makes of a bin folder: the shim in the one
// that is in use, and in one that waits, unless an update may still write there.
func keepSteps(b Bin, copying bool, place string) ([]Step, error) {
	switch {
	case b.Current:
		return wrapSteps(b, place)
	case !b.Waiting, b.Worker == Missing:
		return nil, nil
	case copying && (b.Worker == Shim || b.Worker == Dangling):
		return unwrapSteps(b)
	case copying:
		return nil, nil
	}
	return wrapSteps(b, place)
}
