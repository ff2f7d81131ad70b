package survey

import (
	"bytes"
	"io"

	"github.com/worker-wrap/worker-wrap/internal/untrusted"
)

// IsShim reports whether the file at path is a worker-wrap, of any version: a Go program keeps the names
// of its functions, also when it is stripped, and these are in no other.
func IsShim(path string) bool {
	f, err := untrusted.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	mark := []byte("github.com/worker-wrap/worker-wrap/internal/shim.Run")
	const chunk, limit = 1 << 20, 64
	buf := make([]byte, chunk+len(mark))
	kept := 0
	for range limit {
		n, err := io.ReadFull(f, buf[kept:])
		if bytes.Contains(buf[:kept+n], mark) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(buf, buf[len(buf)-len(mark):])
	}
	return false
}
