package early

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

func entry()

// What the assembly calls, by its old names for functions of Go.
var (
	_ = entry
	_ = attempt
	_ = between
)

// spawn is clone(2) with a stack for the new process, which calls [between]. It returns what the kernel does: a PID,
// or a negated errno.
func spawn(flags, stack uintptr) uintptr

// at is openat(2)'s AT_FDCWD, for calls that take no folder.
const cwd = ^uintptr(0) - 99 // unix.AT_FDCWD

// call makes a system call. ok is false if it failed; n is then the errno.
//
//go:norace
//go:nocheckptr
func call(nr, a, b, c, d, e, f uintptr) (n uintptr, ok bool) {
	n, _, errno := syscall.RawSyscall6(nr, a, b, c, d, e, f)
	if errno != 0 {
		return uintptr(errno), false
	}
	return n, true
}

// str is a C string.
type str = *byte

//go:norace
func ptr(s str) uintptr { return uintptr(unsafe.Pointer(s)) }

// char returns byte i of s.
//
//go:norace
//go:nocheckptr
func char(s str, i int) byte { return *(*byte)(unsafe.Add(unsafe.Pointer(s), i)) }

//go:norace
func length(s str) int {
	n := 0
	for char(s, n) != 0 {
		n++
	}
	return n
}

// has reports whether text stands in s from byte i on.
//
//go:norace
func has(s str, i int, text string) bool {
	for k := range len(text) {
		if char(s, i+k) != text[k] { // what ends before text does differs from it there
			return false
		}
	}
	return true
}

// path is a C string that is put together here. The last byte stays 0.
type path [1024]byte

// add appends n bytes of s from i on; false if they do not fit.
//
//go:norace
func (p *path) add(at *int, s str, n int) bool {
	if *at+n >= len(p) {
		return false
	}
	for k := range n {
		p[*at+k] = char(s, k)
	}
	*at += n
	p[*at] = 0
	return true
}

//go:norace
func (p *path) text(at *int, s string) bool { return p.add(at, unsafe.StringData(s), len(s)) }

// parent returns where the last part of an absolute path begins: at its slash.
//
//go:norace
func (p *path) parent() int {
	slash := length(&p[0])
	for slash > 0 && p[slash] != '/' {
		slash--
	}
	return slash
}

const openFlags = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

//go:norace
func open(dir uintptr, name str, flags int) (fd uintptr, ok bool) {
	fd, ok = call(unix.SYS_OPENAT, dir, ptr(name), uintptr(openFlags|flags), 0, 0, 0)
	return fd, ok
}

//go:norace
func closeFD(fd uintptr) { call(unix.SYS_CLOSE, fd, 0, 0, 0, 0, 0) }

// slurp reads a small regular file whole into buf. It returns the bytes read, or an errno and false, also if the file
// is no regular one or does not fit.
//
//go:norace
func slurp(dir uintptr, name str, buf []byte) (n int, errno uintptr, ok bool) {
	fd, ok := open(dir, name, unix.O_RDONLY)
	if !ok {
		return 0, fd, false
	}
	got, ok := call(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0, 0)
	closeFD(fd)
	if !ok || int(got) == len(buf) {
		return 0, got, false
	}
	return int(got), 0, true
}

// look is statx(2) of what name leads to in dir, or of a link itself with unix.AT_SYMLINK_NOFOLLOW.
//
//go:norace
func look(dir uintptr, name str, flags int, st *unix.Statx_t) (errno uintptr, ok bool) {
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_INO | unix.STATX_UID
	return call(unix.SYS_STATX, dir, ptr(name), uintptr(flags), mask, uintptr(unsafe.Pointer(st)), 0)
}
