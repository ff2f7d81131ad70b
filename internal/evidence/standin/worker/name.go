package worker

import (
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// takeName writes over this process's arguments, as /proc shows them, those of a Worker that is no script: argv[0] is
// <bin>/Runner.Worker then, by which people and programs know a Worker. It returns args, which must be the last of
// os.Args, from before.
func takeName(args []string) []string {
	own := make([]string, len(args))
	for i, arg := range args {
		own[i] = strings.Clone(arg)
	}
	if len(args) == 0 || len(args) >= len(os.Args) {
		return own
	}
	// The kernel lays all arguments down one after the other (execve(2)), and Go's strings are these bytes.
	first, last := os.Args[0], os.Args[len(os.Args)-1]
	begin := unsafe.StringData(first)
	size := uintptr(unsafe.Pointer(unsafe.StringData(last))) + uintptr(len(last)) - uintptr(unsafe.Pointer(begin))
	named := append([]string{filepath.Join(filepath.Dir(own[0]), standin.WorkerName)}, own[1:]...)
	if text := strings.Join(named, "\x00"); uintptr(len(text)) <= size && size < 1<<16 {
		area := unsafe.Slice(begin, size)
		clear(area[copy(area, text):])
	}
	return own
}
