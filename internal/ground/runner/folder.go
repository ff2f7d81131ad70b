package runner

import (
	"os"
	"path/filepath"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Folder opens a folder of the runner's in which something is to be changed. The runner's user may have root led to
// somebody else's, by a link or by what .runner says of the work folder: to root that is an error.
func (l Layout) Folder(path string) (*os.File, error) {
	if os.Geteuid() != 0 {
		return os.OpenFile(path, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	}
	var by []untrusted.Sign
	if !paths.In(path, l.Root) {
		root, err := untrusted.Dir(l.Root)
		if err != nil {
			return nil, err
		}
		defer root.Close()
		st, err := os.Lstat(filepath.Join(untrusted.Through(root), ConfigName))
		if err != nil {
			return nil, err
		}
		by = append(by, untrusted.Sign{Path: filepath.Join(l.Root, ConfigName), UID: int(st.Sys().(*syscall.Stat_t).Uid)})
	}
	return untrusted.Dir(path, by...)
}
