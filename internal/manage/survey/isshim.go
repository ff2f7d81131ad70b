package survey

import (
	"bytes"
	"io"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// mark is a line of the build information that Go puts into each program, stripped or not (runtime/debug.BuildInfo):
// the path of its main package. It holds whatever the packages within are called, in every version so far.
const mark = "path\tgithub.com/worker-wrap/worker-wrap/cmd/worker-wrap\n"

// EntryAt returns which worker-wrap the file at path starts, if it is an entry: see [runner.Entry]. It may be gone.
func EntryAt(path string) (place string, ok bool) {
	head, err := untrusted.Head(path, runner.EntrySize)
	if err != nil {
		return "", false
	}
	return runner.ParseEntry(head)
}

// IsShim reports whether the file at path is a worker-wrap, of any version.
func IsShim(path string) bool {
	f, err := untrusted.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	const chunk, limit = 1 << 20, 64
	buf := make([]byte, chunk+len(mark))
	kept := 0
	for range limit {
		n, err := io.ReadFull(f, buf[kept:])
		if bytes.Contains(buf[:kept+n], []byte(mark)) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, buf[len(buf)-len(mark):])
	}
	return false
}
