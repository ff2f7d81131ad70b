package raw

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// CWD is openat(2)'s AT_FDCWD, for calls that take no folder.
const CWD = ^uintptr(0) - 99 // unix.AT_FDCWD

// Call makes a system call. ok is false if it failed; n is then the errno.
//
//go:norace
//go:nocheckptr
func Call(nr, a, b, c, d, e, f uintptr) (n uintptr, ok bool) {
	const lastErrno = 4095 // MAX_ERRNO in include/linux/err.h
	if n = kernel(nr, a, b, c, d, e, f); n >= ^uintptr(lastErrno-1) {
		return -n, false
	}
	return n, true
}

// kernel is [syscall.RawSyscall6] in this package's own memory: each stretch of a program that a start touches costs it a
// page fault. It returns a negated errno.
func kernel(nr, a, b, c, d, e, f uintptr) uintptr

// Str is a C string.
type Str = *byte

// Ptr returns its address, for a call.
//
//go:norace
func Ptr(s Str) uintptr { return uintptr(unsafe.Pointer(s)) }

// Char returns byte i of s.
//
//go:norace
//go:nocheckptr
func Char(s Str, i int) byte { return *(*byte)(unsafe.Add(unsafe.Pointer(s), i)) }

// Length returns how many bytes it has before its 0.
//
//go:norace
func Length(s Str) int {
	n := 0
	for Char(s, n) != 0 {
		n++
	}
	return n
}

// Has reports whether text stands in s from byte i on.
//
//go:norace
func Has(s Str, i int, text string) bool {
	for k := range len(text) {
		if Char(s, i+k) != text[k] { // what ends before text does differs from it there
			return false
		}
	}
	return true
}

// Path is a C string that is put together here. The last byte stays 0.
type Path [1024]byte

// Add appends n bytes of s from i on; false if they do not fit.
//
//go:norace
func (p *Path) Add(at *int, s Str, n int) bool {
	if *at+n >= len(p) {
		return false
	}
	for k := range n {
		p[*at+k] = Char(s, k)
	}
	*at += n
	p[*at] = 0
	return true
}

// Text appends all of s; false if it does not fit.
//
//go:norace
func (p *Path) Text(at *int, s string) bool { return p.Add(at, unsafe.StringData(s), len(s)) }

// Parent returns where the last part of an absolute path begins: at its slash.
//
//go:norace
func (p *Path) Parent() int {
	slash := Length(&p[0])
	for slash > 0 && p[slash] != '/' {
		slash--
	}
	return slash
}

// OpenFlags are the flags of every open here: none blocks, takes a terminal, or lasts beyond an exec.
const OpenFlags = unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY

// Open is openat(2), without what could block or take a terminal.
//
//go:norace
func Open(dir uintptr, name Str, flags int) (fd uintptr, ok bool) {
	fd, ok = Call(unix.SYS_OPENAT, dir, Ptr(name), uintptr(OpenFlags|flags), 0, 0, 0)
	return fd, ok
}

// CloseFD is close(2).
//
//go:norace
func CloseFD(fd uintptr) { Call(unix.SYS_CLOSE, fd, 0, 0, 0, 0, 0) }

// Slurp reads a small regular file whole into buf. It returns the bytes read, or an errno and false, also if the file
// is no regular one or does not fit.
//
//go:norace
func Slurp(dir uintptr, name Str, buf []byte) (n int, errno uintptr, ok bool) {
	fd, ok := Open(dir, name, unix.O_RDONLY)
	if !ok {
		return 0, fd, false
	}
	got, ok := Call(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)), 0, 0, 0)
	CloseFD(fd)
	if !ok || int(got) == len(buf) {
		return 0, got, false
	}
	return int(got), 0, true
}

// Look is statx(2) of what name leads to in dir, or of a link itself with unix.AT_SYMLINK_NOFOLLOW.
//
//go:norace
func Look(dir uintptr, name Str, flags int, st *unix.Statx_t) (errno uintptr, ok bool) {
	const mask = unix.STATX_TYPE | unix.STATX_MODE | unix.STATX_INO | unix.STATX_UID
	return Call(unix.SYS_STATX, dir, Ptr(name), uintptr(flags), mask, uintptr(unsafe.Pointer(st)), 0)
}

//go:norace
func SameFile(a, b *unix.Statx_t) bool {
	return a.Ino == b.Ino && a.Dev_major == b.Dev_major && a.Dev_minor == b.Dev_minor
}

// Flock is flock(2).
//
//go:norace
func Flock(fd uintptr, how uintptr) (errno uintptr, ok bool) {
	return Call(unix.SYS_FLOCK, fd, how, 0, 0, 0, 0)
}

// Exit ends the process.
//
//go:norace
func Exit(status uintptr) {
	for {
		Call(unix.SYS_EXIT_GROUP, status, 0, 0, 0, 0, 0)
	}
}

// Ignore has the process ignore a signal.
//
//go:norace
func Ignore(signal unix.Signal) {
	const ignore = 1
	action := [4]uint64{ignore} // a struct sigaction, and more if words are short
	Call(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0)
}

// CloseFrom closes every descriptor from one on.
//
//go:norace
func CloseFrom(fd uintptr) {
	if _, ok := Call(unix.SYS_CLOSE_RANGE, fd, uintptr(^uint32(0)), 0, 0, 0, 0); ok {
		return
	}
	const most = 1024 // before Linux 5.9; RLIMIT_NOFILE is that, mostly
	for ; fd < most; fd++ {
		CloseFD(fd)
	}
}

// SleepSecond waits for a second, or for a signal.
//
//go:norace
func SleepSecond() { Sleep(&unix.Timespec{Sec: 1}) }

// Sleep waits that long, or for a signal.
//
//go:norace
func Sleep(time *unix.Timespec) {
	Call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(time)), 0, 0, 0, 0, 0)
}

// Empty is the empty path, of what a descriptor leads to: the end of another, in memory that is looked at anyway.
//
//go:norace
func Empty() Str {
	const other = "/proc/self/stat\x00"
	return unsafe.StringData(other[len(other)-1:])
}
