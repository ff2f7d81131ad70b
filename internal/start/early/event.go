package early

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// recordStart writes that the Worker has started to the runner's event log. A log that is full, or not there, is left
// to the next start that has Go's runtime.
//
//go:norace
func (r *room) recordStart() {
	const flags = openFlags | unix.O_WRONLY | unix.O_APPEND | unix.O_NOFOLLOW
	name := ptr(unsafe.StringData("_diag/" + events.FileName + "\x00"))
	fd, ok := call(unix.SYS_OPENAT, keptRoot, name, flags, 0, 0, 0)
	if !ok {
		if fd, ok = call(unix.SYS_OPENAT, keptRoot, name, flags|unix.O_CREAT|unix.O_EXCL, 0o644, 0, 0); !ok {
			return
		}
	}
	const mask = unix.STATX_TYPE | unix.STATX_NLINK | unix.STATX_SIZE
	_, ok = call(unix.SYS_STATX, fd, ptr(&none[0]), unix.AT_EMPTY_PATH, mask, uintptr(unsafe.Pointer(&r.st)), 0)
	if ok && r.st.Mode&unix.S_IFMT == unix.S_IFREG && r.st.Nlink == 1 && r.st.Size < events.MaxFile {
		e := events.Event{
			Time: time.Unix(r.begun.Unix()), Kind: events.Start, PID: int(r.self.pid), Outcome: events.Alone,
			Job: events.Process{PID: int(r.self.pid), Start: r.self.start, Exe: unsafe.String(&r.real[0], length(&r.real[0]))},
		}
		line := events.AppendLine(r.text[:0], &e)
		call(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(line))), uintptr(len(line)), 0, 0, 0)
	}
	closeFD(fd)
}
