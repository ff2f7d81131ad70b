package early

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// owner names the process that is in the plain _temp: its record in a runner's _diag. The locks decide; the record
// tells of a Worker whose keeper was killed, and whose locks went with it.
type owner struct {
	pid, start, pidNS uint64
}

const recordFile = "_diag/" + RecordName + "\x00"

// RecordName is the record's name in a runner's _diag.
const RecordName = "worker-wrap.alone"

const claimFile = perpid.StoreName + "/" + perpid.ClaimName + "\x00"

// recordSize is what a record has, blanks included: it is written over the last one in one call.
const recordSize = 64

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

// parse reads a record. ok is false for what is none.
//
//go:norace
func (o *owner) parse(data []byte) (ok bool) {
	i := 0
	if o.pid, i, ok = number(data, 0); !ok {
		return false
	}
	if o.start, i, ok = number(data, i+1); !ok {
		return false
	}
	o.pidNS, _, ok = number(data, i+1)
	return ok
}

// record makes this process the one that the record names. ok is false if another that it names is alive, or if the
// record cannot be written.
//
//go:norace
func (r *room) record(work, root uintptr) (ok bool) {
	fd, ok := call(unix.SYS_OPENAT, root, ptr(unsafe.StringData(recordFile)),
		openFlags|unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW, 0o644, 0, 0)
	if !ok {
		return false
	}
	ok = r.recordIn(fd) && !r.claimed(work)
	closeFD(fd)
	return ok
}

// unrecord empties the record that this process has written: it goes the longer way.
//
//go:norace
func (r *room) unrecord(root uintptr) {
	fd, ok := call(unix.SYS_OPENAT, root, ptr(unsafe.StringData(recordFile)), openFlags|unix.O_WRONLY|unix.O_TRUNC|unix.O_NOFOLLOW, 0, 0, 0)
	if ok {
		closeFD(fd)
	}
}

// claimed reports whether a Worker that came the longer way, of this version or an older one, is in the plain _temp by
// what package perpid has noted: it may have no keeper.
//
//go:norace
func (r *room) claimed(work uintptr) bool {
	n, _, ok := slurp(work, unsafe.StringData(claimFile), r.text[:])
	var o owner
	return ok && o.parse(r.text[:n]) && r.lives(&o)
}

//go:norace
func (r *room) recordIn(fd uintptr) bool {
	if _, ok := look(fd, &none[0], unix.AT_EMPTY_PATH, &r.exe); !ok || r.exe.Mode&unix.S_IFMT != unix.S_IFREG {
		return false
	}
	buf := uintptr(unsafe.Pointer(&r.text))
	n, ok := call(unix.SYS_READ, fd, buf, recordSize, 0, 0, 0)
	if !ok {
		return false
	}
	var before owner
	known := before.parse(r.text[:n])
	if known && r.lives(&before) || !(known && r.seen(fd)) && r.alive() {
		return false
	}
	for i := range recordSize {
		r.text[i] = ' '
	}
	i := write(r.text[:], 0, r.self.pid)
	i = write(r.text[:], i+1, r.self.start)
	write(r.text[:], i+1, r.self.pidNS)
	r.text[recordSize-1] = '\n'
	if _, ok := call(unix.SYS_LSEEK, fd, 0, unix.SEEK_SET, 0, 0, 0); !ok {
		return false
	}
	n, ok = call(unix.SYS_WRITE, fd, buf, recordSize, 0, 0, 0)
	return ok && n == recordSize
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
