package install

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/runner"
	"github.com/worker-wrap/worker-wrap/internal/untrusted"
)

// folder opens a folder of a runner's, in which something is to be changed. The runner's user may have root led to
// somebody else's, by a link or by what .runner says of the work folder.
func (r *run) folder(l runner.Layout, path string) (*os.File, error) {
	if !r.root {
		return os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	}
	var by []untrusted.Sign
	if !strings.HasPrefix(path, l.Root+"/") {
		root, err := untrusted.Dir(l.Root)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		st, err := os.Lstat(filepath.Join(untrusted.Through(root), runner.ConfigName))
		if err != nil {
			return nil, err
		}
		uid, _ := ownerOf(st)
		by = append(by, untrusted.Sign{Path: filepath.Join(l.Root, runner.ConfigName), UID: uid})
	}
	return untrusted.Dir(path, by...)
}

// bin opens a bin folder for changes. The one in use is opened by the name in the runner's root, which may be a link.
func (r *run) bin(l runner.Layout, b Bin) (*os.File, error) {
	if r.root && b.Current {
		return r.folder(l, l.Bin())
	}
	return r.folder(l, b.Dir)
}
