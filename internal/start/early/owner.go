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
	if r.self.Start, ok = r.startOf(unsafe.StringData("/proc/self/stat\x00")); !ok {
		return false
	}
	_, ok = raw.Look(raw.CWD, unsafe.StringData("/proc/self/ns/pid\x00"), 0, &r.exe)
	r.self.PIDNS = r.exe.Ino
	return ok
}

// startOf reads field 22 of a /proc/PID/stat: when the process started, in clock ticks after boot (proc_pid_stat(5)).
// ok is false if there is none, or it is a zombie.
//
//go:norace
func (r *room) startOf(name raw.Str) (start uint64, ok bool) {
	n, _, ok := raw.Slurp(raw.CWD, name, r.text[:])
	if !ok {
		return 0, false
	}
	i := n - 1
	for i >= 0 && r.text[i] != ')' { // the name before it can hold anything
		i--
	}
	if i < 0 || i+2 >= n || r.text[i+2] == 'Z' || r.text[i+2] == 'X' {
		return 0, false
	}
	const state, starttime = 3, 22
	i += 2
	for field := state; field < starttime; field++ {
		for i < n && r.text[i] != ' ' {
			i++
		}
		i++
	}
	start, _, ok = raw.Number(r.text[:n], i)
	return start, ok
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
	start, ok := r.startOf(&name[0])
	return ok && start == o.Start
}
