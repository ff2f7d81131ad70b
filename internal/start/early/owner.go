package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// owner names a process.
type owner struct {
	pid, start, pidNS uint64
}

const claimFile = perpid.StoreName + "/" + perpid.ClaimName + "\x00"

// me finds out who this process is, from /proc.
//
//go:norace
func (r *room) me() bool {
	pid, ok := call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)
	if !ok {
		return false
	}
	r.self.pid = uint64(pid)
	if r.self.start, ok = r.startOf(unsafe.StringData("/proc/self/stat\x00")); !ok {
		return false
	}
	_, ok = look(cwd, unsafe.StringData("/proc/self/ns/pid\x00"), 0, &r.exe)
	r.self.pidNS = r.exe.Ino
	return ok
}

// startOf reads field 22 of a /proc/PID/stat: when the process started, in clock ticks after boot (proc_pid_stat(5)).
// ok is false if there is none, or it is a zombie.
//
//go:norace
func (r *room) startOf(name str) (start uint64, ok bool) {
	n, _, ok := slurp(cwd, name, r.text[:])
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
	start, _, ok = number(r.text[:n], i)
	return start, ok
}

// number reads a decimal number at i and returns where it ends.
//
//go:norace
func number(data []byte, i int) (v uint64, end int, ok bool) {
	end = i
	for end < len(data) && data[end] >= '0' && data[end] <= '9' && end-i < 19 {
		v = v*10 + uint64(data[end]-'0')
		end++
	}
	return v, end, end > i
}

// write puts a number into data at i and returns where it ends.
//
//go:norace
func write(data []byte, i int, v uint64) int {
	var digits [20]byte
	k := len(digits)
	for {
		k--
		digits[k] = byte('0' + v%10)
		if v /= 10; v == 0 {
			break
		}
	}
	for ; k < len(digits) && i < len(data); k++ {
		data[i] = digits[k]
		i++
	}
	return i
}

// parse reads three numbers and returns where they end. ok is false for what is none.
//
//go:norace
func (o *owner) parse(data []byte) (end int, ok bool) {
	i := 0
	if o.pid, i, ok = number(data, 0); !ok {
		return i, false
	}
	if o.start, i, ok = number(data, i+1); !ok {
		return i, false
	}
	o.pidNS, i, ok = number(data, i+1)
	return i, ok
}

// claimed reports whether a Worker that came the longer way, of this version or an older one, is in the plain _temp by
// what package perpid has noted: it may have no keeper.
//
//go:norace
func (r *room) claimed(work uintptr) bool {
	n, _, ok := slurp(work, unsafe.StringData(claimFile), r.text[:])
	var o owner
	if ok {
		_, ok = o.parse(r.text[:n])
	}
	return ok && r.lives(&o)
}

// lives reports whether another process that a record names is alive. One of another PID namespace cannot be judged:
// there the locks alone decide.
//
//go:norace
func (r *room) lives(o *owner) bool {
	if o.pidNS != r.self.pidNS || o.pid == r.self.pid || o.pid == 0 || o.pid > 1<<22 {
		return false
	}
	if errno, ok := call(unix.SYS_KILL, uintptr(o.pid), 0, 0, 0, 0, 0); !ok && errno == uintptr(unix.ESRCH) {
		return false
	}
	var name [32]byte
	const proc = "/proc/"
	for i := range len(proc) {
		name[i] = proc[i]
	}
	i := write(name[:], len(proc), o.pid)
	const stat = "/stat\x00"
	for k := range len(stat) {
		name[i+k] = stat[k]
	}
	start, ok := r.startOf(&name[0])
	return ok && start == o.start
}
