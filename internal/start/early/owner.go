package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

const claimFile = perpid.StoreName + "/" + perpid.ClaimName + "\x00"

// me finds out who this process is, from /proc.
//
//go:norace
func (r *room) me() bool {
	pid, ok := raw.Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
	if !ok {
		return false
	}
	r.self.PID = uint64(pid)
	if r.self.Start, ok = raw.StartOf(unsafe.StringData("/proc/self/stat\x00"), r.text[:]); !ok {
		return false
	}
	_, ok = raw.Look(raw.CWD, unsafe.StringData("/proc/self/ns/pid\x00"), 0, &r.exe)
	r.self.PIDNS = r.exe.Ino
	return ok
}

// claimed reports whether a Worker that came the longer way is in the plain _temp, of this version or an older one. It
// goes by the notes of package perpid: it may have no keeper.
//
//go:norace
func (r *room) claimed(work uintptr) bool {
	n, _, ok := raw.Slurp(work, unsafe.StringData(claimFile), r.text[:])
	var o raw.Owner
	if ok {
		_, ok = o.Parse(r.text[:n])
	}
	return ok && r.lives(&o)
}

// lives reports whether another process that a record names is alive. One of another PID namespace cannot be judged:
// there the locks alone decide.
//
//go:norace
func (r *room) lives(o *raw.Owner) bool {
	if o.PIDNS != r.self.PIDNS || o.PID == r.self.PID || o.PID == 0 || o.PID > 1<<22 {
		return false
	}
	if errno, ok := raw.Call(unix.SYS_KILL, uintptr(o.PID), 0, 0, 0, 0, 0); !ok && errno == uintptr(unix.ESRCH) {
		return false
	}
	var name [32]byte
	const proc = "/proc/"
	for i := range len(proc) {
		name[i] = proc[i]
	}
	i := raw.Write(name[:], len(proc), o.PID)
	const stat = "/stat\x00"
	for k := range len(stat) {
		name[i+k] = stat[k]
	}
	start, ok := raw.StartOf(&name[0], r.text[:])
	return ok && start == o.Start
}
