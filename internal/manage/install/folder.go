package install

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
)

// folder opens a folder of a runner's, in which something is to be changed.
func (r *run) folder(l runner.Layout, path string) (*os.File, error) {
	if !r.root {
		return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	return l.Folder(path)
}

// bin opens a bin folder for changes. The one in use is opened by the name in the runner's root, which may be a link.
func (r *run) bin(l runner.Layout, b entry.Bin) (*os.File, error) {
	if r.root && b.Current {
		return r.folder(l, l.Bin())
	}
	return r.folder(l, b.Dir)
}
