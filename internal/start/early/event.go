package early

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// recordStart writes that the Worker has started to the runner's event log. A log that is full, or not there, is left
// to the next start that has Go's runtime.
//
//go:norace
func (r *room) recordStart() {
	const flags = raw.OpenFlags | unix.O_WRONLY | unix.O_APPEND | unix.O_NOFOLLOW
	name := raw.Ptr(unsafe.StringData("_diag/" + events.FileName + "\x00"))
	fd, ok := raw.Call(unix.SYS_OPENAT, keptRoot, name, flags, 0, 0, 0)
	if !ok {
		if fd, ok = raw.Call(unix.SYS_OPENAT, keptRoot, name, flags|unix.O_CREAT|unix.O_EXCL, 0o644, 0, 0); !ok {
			return
		}
	}
	const mask = unix.STATX_TYPE | unix.STATX_NLINK | unix.STATX_SIZE
	_, ok = raw.Call(unix.SYS_STATX, fd, raw.Ptr(raw.Empty()), unix.AT_EMPTY_PATH, mask, uintptr(unsafe.Pointer(&r.st)), 0)
	if ok && r.st.Mode&unix.S_IFMT == unix.S_IFREG && r.st.Nlink == 1 && r.st.Size < events.MaxFile {
		e := events.Event{
			Time: time.Unix(r.begun.Unix()), Kind: events.Start, PID: int(r.self.PID), Outcome: events.Alone,
			Job: events.Process{PID: int(r.self.PID), Start: r.self.Start, Exe: unsafe.String(&r.real[0], raw.Length(&r.real[0]))},
		}
		line := events.AppendLine(r.text[:0], &e)
		raw.Call(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(line))), uintptr(len(line)), 0, 0, 0)
	}
	raw.CloseFD(fd)
}
