package entry

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// makeEntry makes what starts the worker-wrap at place as a Worker: a script, see [runner.Entry], or where the kernel
// could not start such a script a link.
func makeEntry(r *os.Root, name, place string) error {
	text, ok := runner.Entry(place)
	if !ok {
		return r.Symlink(place, name)
	}
	return disk.Make(r, name, text, 0o755)
}
