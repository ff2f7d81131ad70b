package dockerproxy

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/tunnel"
)

// idleTime is how long nobody asks for anything before memory is given back: most jobs use Docker for a moment, or not at
// all.
const idleTime = 5 * time.Second

// giveBack returns what memory it can to the kernel: the heap's free pages, and pages of the program's file. Most of
// the latter are mapped since the start, or because they lie beside one that was needed. Those come back from the page
// cache.
func giveBack() {
	file := fileMappings()
	tunnel.Forget()
	runtime.GC() // what a sync.Pool has is let go at the second
	debug.FreeOSMemory()
	for _, m := range file { // last: whatever runs from now on maps its pages again
		_, _, _ = unix.RawSyscall(unix.SYS_MADVISE, m.from, m.size, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, size uintptr }

// fileMappings lists where the program's file is mapped and not written to.
func fileMappings() (out []mapping) {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return nil
	}
	maps, _ := os.ReadFile("/proc/self/maps") // proc_pid_maps(5): 00400000-00781000 r-xp 00000000 fe:00 1234  /file
	for line := range strings.Lines(string(maps)) {
		var from, to uintptr
		var access string
		if n, _ := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); n == 3 && access[1] != 'w' && strings.HasSuffix(strings.TrimSuffix(line, "\n"), " "+exe) {
			out = append(out, mapping{from, to - from})
		}
	}
	return out
}
