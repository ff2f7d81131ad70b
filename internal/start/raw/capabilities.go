package raw

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Capabilities are what capget(2) and capset(2) work with.
type Capabilities struct {
	head unix.CapUserHeader
	data [2]unix.CapUserData
}

//go:norace
func (c *Capabilities) call(nr uintptr) (ok bool) {
	c.head.Version = unix.LINUX_CAPABILITY_VERSION_3
	_, ok = Call(nr, uintptr(unsafe.Pointer(&c.head)), uintptr(unsafe.Pointer(&c.data)), 0, 0, 0, 0)
	return ok
}

// Permitted returns the first 32 of the permitted set, none if the kernel does not tell.
//
//go:norace
func (c *Capabilities) Permitted() uint32 {
	c.data = [2]unix.CapUserData{}
	c.call(unix.SYS_CAPGET)
	return c.data[0].Permitted
}

// Change makes these the process's capabilities. They stay if they are those already, or if a seccomp filter ends
// whoever changes them: what the process has to do counts for more. It must have memory of its own. Before Linux 5.16
// such an end takes along whoever shares that, if a core may be dumped (zap_threads in fs/coredump.c).
//
//go:norace
func (c *Capabilities) Change(to [2]unix.CapUserData) {
	same := c.call(unix.SYS_CAPGET)
	for i := range to {
		is := &c.data[i]
		same = same && is.Permitted == to[i].Permitted && is.Effective == to[i].Effective && is.Inheritable == to[i].Inheritable
	}
	c.data = to
	if !same && !c.deadly() {
		c.call(unix.SYS_CAPSET)
	}
}

// deadly reports whether to change them would end this process. Under a filter a copy of it finds that out.
//
//go:norace
//go:nocheckptr
func (c *Capabilities) deadly() bool {
	const filtered = 2 // SECCOMP_MODE_FILTER
	if mode, ok := Call(unix.SYS_PRCTL, unix.PR_GET_SECCOMP, 0, 0, 0, 0, 0); !ok || mode != filtered {
		return false
	}
	pid, ok := Call(unix.SYS_CLONE, 0, 0, 0, 0, 0, 0) // without a signal at its end
	if !ok {
		return false
	}
	if pid == 0 {
		c.call(unix.SYS_CAPSET)
		Exit(0)
	}
	status, ok := WaitFor(pid)
	return ok && status&0x7f == uint32(unix.SIGSYS)
}

// WaitFor returns how a child has ended (wait(2)).
//
//go:norace
func WaitFor(pid uintptr) (status uint32, ok bool) {
	for {
		n, ok := Call(unix.SYS_WAIT4, pid, uintptr(unsafe.Pointer(&status)), unix.WALL, 0, 0, 0)
		if ok || n != uintptr(unix.EINTR) {
			return status, ok
		}
	}
}
