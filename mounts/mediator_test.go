package mounts

import (
	"bytes"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mediator denies calls to one thread as a security module does: by what they would do, which seccomp's own rules
// cannot see. So every step down is tried on every kernel. It has the thread's calls wait for its word
// (seccomp_unotify(2)).
type mediator struct {
	rules
	asked atomic.Int32 // how many calls were looked at
	allow atomic.Bool  // from now on everything is allowed
}

// rules say whether a call is denied, with EACCES; a nil one denies none.
type rules struct {
	move  func(detached, setGroup bool) bool
	bind  func(source string, recursive bool) bool
	tmpfs bool
}

type (
	secData struct {
		nr, arch uint32
		ip       uint64
		args     [6]uint64
	}
	secNotice struct {
		id         uint64
		pid, flags uint32
		data       secData
	}
	secAnswer struct {
		id    uint64
		val   int64
		error int32
		flags uint32
	}
)

// mediate has rules decide about the thread's calls from now on.
func (th *thread) mediate(t *testing.T, is rules) *mediator {
	t.Helper()
	m := &mediator{rules: is}
	word := func(nr uint32, to uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: to, K: nr}
	}
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS},
		word(unix.SYS_MOVE_MOUNT, 2),
		word(unix.SYS_MOUNT, 1),
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF},
	}
	program := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	var listener uintptr
	th.must("seccomp", func() error {
		const setModeFilter = 1
		var errno unix.Errno
		listener, _, errno = unix.Syscall(unix.SYS_SECCOMP, setModeFilter, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER, uintptr(unsafe.Pointer(&program)))
		if errno != 0 {
			return errno
		}
		return nil
	})
	done := make(chan struct{})
	stop, stopped, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		for {
			ready := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}, {Fd: int32(stop.Fd()), Events: unix.POLLIN}}
			if _, err := unix.Poll(ready, -1); err == unix.EINTR {
				continue
			}
			if ready[0].Revents&unix.POLLIN == 0 {
				return
			}
			var notice secNotice
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, listener, unix.SECCOMP_IOCTL_NOTIF_RECV, uintptr(unsafe.Pointer(&notice))); errno != 0 {
				continue
			}
			answer := secAnswer{id: notice.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
			if m.denies(notice) {
				answer = secAnswer{id: notice.id, error: -int32(unix.EACCES)}
			}
			_, _, _ = unix.Syscall(unix.SYS_IOCTL, listener, unix.SECCOMP_IOCTL_NOTIF_SEND, uintptr(unsafe.Pointer(&answer)))
		}
	}()
	t.Cleanup(func() { // before the thread ends
		stopped.Close()
		<-done
		stop.Close()
		unix.Close(int(listener))
	})
	return m
}

func (m *mediator) denies(n secNotice) bool {
	m.asked.Add(1)
	if m.allow.Load() {
		return false
	}
	args := n.data.args
	if n.data.nr == unix.SYS_MOVE_MOUNT {
		if int32(args[0]) < 0 {
			return false // a module is asked about what was found
		}
		return m.move != nil && m.move(detached(n.pid, args[0]), args[4]&unix.MOVE_MOUNT_SET_GROUP != 0)
	}
	switch flags := args[3]; {
	case text(args[2]) == "tmpfs":
		return m.tmpfs
	case flags&unix.MS_BIND != 0:
		source, _ := os.Readlink(text(args[0]))
		return m.bind != nil && m.bind(source, flags&unix.MS_REC != 0)
	}
	return false
}

// detached reports whether a descriptor's mount is none of those of the thread's namespace.
func detached(tid uint32, fd uint64) bool {
	info, _ := os.ReadFile("/proc/self/fdinfo/" + strconv.FormatUint(fd, 10))
	_, rest, _ := strings.Cut(string(info), "mnt_id:\t")
	id, _, _ := strings.Cut(rest, "\n")
	mounts, _ := os.ReadFile("/proc/self/task/" + strconv.FormatUint(uint64(tid), 10) + "/mountinfo")
	return id != "" && !strings.Contains("\n"+string(mounts), "\n"+id+" ")
}

// text reads a string of this process's memory.
func text(address uint64) string {
	mem, err := os.Open("/proc/self/mem")
	if address == 0 || err != nil {
		return ""
	}
	defer mem.Close()
	var b [256]byte
	n, _ := mem.ReadAt(b[:], int64(address))
	out, _, _ := bytes.Cut(b[:n], []byte{0})
	return string(out)
}

var _ = [1]struct{}{}[binary.Size(secNotice{})-80] // SECCOMP_IOCTL_NOTIF_RECV has this size in it
