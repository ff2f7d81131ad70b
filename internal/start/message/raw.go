package message

import (
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// The functions of this file, and those of names.go, may run on any stack, without a goroutine, and while the runtime is
// broken. So they do not grow the stack, allocate nothing, and make raw system calls only.

type unsafePointer = unsafe.Pointer

const (
	// A Worker's arguments: its path, "spawnclient", and the descriptors it reads from and writes to
	// (src/Runner.Worker/Program.cs).
	argCount = 4
	verb     = "spawnclient"
	// What an entry that is a script puts before them: the program and a word (runner.Arguments).
	entryCount = 2

	second = 1_000_000_000
	tick   = second / 100 // USER_HZ, of /proc/PID/stat, is 100 on every architecture that Go has Linux on
)

// room is where the message is read to, a part at a time.
var room [64 << 10]byte

//go:nosplit
//go:norace
func lastTake(argc uintptr, argv unsafe.Pointer) {
	at := uintptr(0)
	if argc == entryCount+argCount && is(cString(argv, 1), runner.EntryWord) {
		at = entryCount
	}
	if argc != at+argCount {
		return
	}
	if at == 0 && !isWorker(cString(argv, 0)) {
		return
	}
	fd := source(cString(argv, at+1), cString(argv, at+2))
	if fd < 0 {
		return
	}
	if child := atomic.LoadInt32(&left); child != 0 {
		end(uintptr(child))
	}
	until := deadline(int64(policy.ChannelDefault))
	for p := (progress{missing: head}); readable(fd, until) && p.read(fd); {
	}
}

// end ends a child, if nobody has waited for it yet, and waits until it reads no more.
//
//go:nosplit
//go:norace
func end(child uintptr) {
	const flags = unix.WEXITED | unix.WNOHANG | unix.WNOWAIT
	if _, _, err := unix.RawSyscall6(unix.SYS_WAITID, unix.P_PID, child, 0, flags, 0, 0); err != 0 {
		return // its PID may be another's
	}
	unix.RawSyscall(unix.SYS_KILL, child, uintptr(unix.SIGKILL), 0)
	unix.RawSyscall6(unix.SYS_WAITID, unix.P_PID, child, 0, unix.WEXITED, 0, 0)
}

// cString returns the nth string of a vector such as argv.
//
//go:nosplit
//go:norace
func cString(vector unsafe.Pointer, n uintptr) string {
	p := *(**byte)(unsafe.Add(vector, n*unsafe.Sizeof(vector)))
	if p == nil {
		return ""
	}
	length := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), length)) != 0 {
		length++
	}
	return unsafe.String(p, length)
}

// source returns the descriptor that a Worker reads its job from, by its arguments after the first. It returns -1 if
// they are not a Worker's, or if the descriptor is not the reading end of a pipe.
//
//go:nosplit
//go:norace
func source(word, number string) int {
	if !foldedIs(word, verb) || len(number) == 0 || len(number) > 9 {
		return -1
	}
	fd := 0
	for i := range len(number) {
		if number[i] < '0' || number[i] > '9' {
			return -1
		}
		fd = 10*fd + int(number[i]-'0')
	}
	// Only a pipe has a size (pipe(7)).
	if _, _, err := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETPIPE_SZ, 0); err != 0 {
		return -1
	}
	flags, _, err := unix.RawSyscall(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFL, 0)
	if err != 0 || flags&unix.O_ACCMODE == unix.O_WRONLY || flags&unix.O_PATH != 0 {
		return -1
	}
	return fd
}

// progress is how far a message has been read: its type and its body's length in bytes, each an int32 in little-endian,
// and the body (src/Runner.Common/StreamString.cs).
type progress struct{ have, missing uintptr }

const head = 8 // bytes before the body

// read reads a part of the message, without waiting if the pipe is readable. It is false when the message or the pipe
// has ended, and if a length makes no sense. The pipe's flags are the Listener's too, so they stay, and nobody else
// reads from it.
//
//go:nosplit
//go:norace
func (p *progress) read(fd int) bool {
	at := uintptr(0)
	if p.have < head {
		at = p.have
	}
	n, _, err := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&room))+at, min(p.missing, uintptr(len(room))-at))
	if err == unix.EINTR || err == unix.EAGAIN {
		return true
	}
	if err != 0 || n == 0 {
		return false
	}
	p.missing -= n
	if p.have += n; p.have == head {
		length := int32(uint32(room[4]) | uint32(room[5])<<8 | uint32(room[6])<<16 | uint32(room[7])<<24)
		p.missing = uintptr(max(length, 0))
	}
	return p.missing > 0
}

// readable is wait without the runtime.
//
//go:nosplit
//go:norace
func readable(fd int, until int64) bool {
	for {
		rest := until - now()
		if rest <= 0 {
			return false
		}
		// ppoll(2) on every architecture: arm64 has no poll(2). Its struct timespec is two words of the machine.
		timeout := [2]uintptr{0, uintptr(min(rest, second-1))}
		poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, _, err := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
		if err != 0 && err != unix.EINTR && err != unix.EAGAIN {
			return false
		}
		if err == 0 && n > 0 {
			return poll.Revents&(unix.POLLIN|unix.POLLHUP) != 0
		}
	}
}

// deadline returns until when a message may be taken.
//
//go:nosplit
//go:norace
func deadline(timeout int64) int64 {
	now := now()
	return until(begun(now), now, timeout)
}

// until is [deadline] of a process that began at that time. Who comes late, as after a wait, has a moment all the same.
//
//go:nosplit
//go:norace
func until(begun, now, timeout int64) int64 {
	return max(begun+timeout-int64(policy.Spare), now+int64(policy.Grace))
}

// now returns the time since the machine's start, in nanoseconds, as /proc/PID/stat has it too (CLOCK_BOOTTIME).
//
//go:nosplit
//go:norace
func now() int64 {
	var t [2]uintptr // struct timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_BOOTTIME, uintptr(unsafe.Pointer(&t)), 0)
	return int64(t[0])*second + int64(t[1])
}

// selfStat is a C string.
var selfStat = [...]byte{'/', 'p', 'r', 'o', 'c', '/', 's', 'e', 'l', 'f', '/', 's', 't', 'a', 't', 0}

// begun returns when this process began, or now if that cannot be told: before main Go's runtime may open no file
// (package origin), and that is at the process's beginning.
//
//go:nosplit
//go:norace
func begun(now int64) int64 {
	cwd := unix.AT_FDCWD
	fd, _, err := unix.RawSyscall6(unix.SYS_OPENAT, uintptr(cwd), uintptr(unsafe.Pointer(&selfStat)), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0, 0, 0)
	if err != 0 {
		return now
	}
	n, _, err := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&room)), 1024)
	unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0)
	if err != 0 {
		return now
	}
	if at := startOf(&room, int(n)); at > 0 && at < now {
		return at
	}
	return now
}

// startOf returns field 22 of the n bytes of /proc/PID/stat in text, in nanoseconds, or 0 if it is not there. Field 2 is
// a name in parentheses, which may have any characters; one blank parts the others (proc_pid_stat(5)).
//
//go:nosplit
//go:norace
func startOf(text *[len(room)]byte, n int) int64 {
	at := min(n, len(text)) - 1
	for at >= 0 && text[at] != ')' {
		at--
	}
	field, ticks := 2, int64(0)
	for at++; at > 0 && at < min(n, len(text)); at++ {
		switch c := text[at]; {
		case c == ' ' && field == 22:
			return ticks * tick
		case c == ' ':
			field++
		case field == 22 && (c < '0' || c > '9' || ticks > 1<<53/tick):
			return 0
		case field == 22:
			ticks = 10*ticks + int64(c-'0')
		}
	}
	return 0
}
