package entry

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// makeEntry makes what starts the worker-wrap at place as a Worker: a script, see [runner.Entry], or a link if the
// kernel could not start such a script.
func makeEntry(r *os.Root, name, place string) error {
	text, ok := runner.Entry(place)
	if !ok {
		return r.Symlink(place, name)
	}
	return disk.Make(r, name, text, 0o755)
}
