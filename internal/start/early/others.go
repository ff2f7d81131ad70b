package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// alive reports whether a Worker of this runner may live that holds no lock: one that was started before worker-wrap
// was in its place. It looks through /proc, which costs more than all the rest, so only the first lone start after an
// install does: see record. A Worker with a _temp of its own is found too; the ordinary start tells them apart.
//
//go:norace
func (r *room) alive() bool {
	proc, ok := raw.Open(raw.CWD, unsafe.StringData("/proc\x00"), unix.O_RDONLY|unix.O_DIRECTORY)
	if !ok {
		return true
	}
	found := r.among(proc)
	raw.CloseFD(proc)
	return found
}

//go:norace
func (r *room) among(proc uintptr) bool {
	const name = 19 // in a linux_dirent64, after inode, offset, length and type
	for {
		n, ok := raw.Call(unix.SYS_GETDENTS64, proc, uintptr(unsafe.Pointer(&r.dents)), uintptr(len(r.dents)), 0, 0, 0)
		if !ok {
			return true
		}
		if n == 0 {
			return false
		}
		for i := 0; i+name < int(n); {
			pid, end, ok := raw.Number(r.dents[:n], i+name)
			if ok && r.dents[end] == 0 && pid != r.self.PID && r.isWorker(proc, pid) {
				return true
			}
			i += int(r.dents[i+16]) | int(r.dents[i+17])<<8
		}
	}
}

// isWorker reports whether a process was started by a path as the Listener gives it, and is no keeper. Those have its
// words until they hide them.
//
//go:norace
func (r *room) isWorker(proc uintptr, pid uint64) bool {
	const bin, worker, keeper = "/bin", "/Runner.Worker", runner.KeeperName + "\n"
	if !r.textOf(proc, pid, "/cmdline\x00") {
		return false // it has ended, or is another user's, and is not shown
	}
	at := 0
	for r.root[at] != 0 {
		if r.text[at] != r.root[at] {
			return false
		}
		at++
	}
	if !raw.Has(&r.text[0], at, bin) {
		return false
	}
	for at += len(bin); r.text[at] != 0; at++ {
		if raw.Has(&r.text[0], at, worker) {
			return !r.textOf(proc, pid, "/comm\x00") || !raw.Has(&r.text[0], 0, keeper)
		}
	}
	return false
}

// textOf reads what a file says of a process, as much as there is room for.
//
//go:norace
func (r *room) textOf(proc uintptr, pid uint64, file string) bool {
	var name [32]byte
	i := raw.Write(name[:], 0, pid)
	for k := range len(file) {
		name[i+k] = file[k]
	}
	fd, ok := raw.Open(proc, &name[0], unix.O_RDONLY)
	if !ok {
		return false
	}
	n, ok := raw.Call(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&r.text)), uintptr(len(r.text)-1), 0, 0, 0)
	raw.CloseFD(fd)
	if ok {
		r.text[n] = 0
	}
	return ok
}
