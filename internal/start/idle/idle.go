// Package idle keeps processes that have nothing to do from waking Go's runtime, by the rules of package early.
package idle

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// Docker returns at once if the process is no Docker proxy. Else it waits for the first client, for the end of the
// Worker, or until the start shuts the socket down. Most jobs use no Docker, and their starts do not share the processor.
//
//go:norace
func Docker(p *raw.Process) {
	if !p.Is(0, dockerproxy.Name+"\x00") || !p.Is(1, dockerproxy.Subcommand+"\x00") {
		return
	}
	raw.Ignore(unix.SIGINT)
	raw.Ignore(unix.SIGHUP)
	raw.Ignore(unix.SIGQUIT)
	raw.Call(unix.SYS_PRCTL, unix.PR_SET_NAME, raw.Ptr(unsafe.StringData(dockerproxy.Comm+"\x00")), 0, 0, 0, 0)
	polls := [...]unix.PollFd{{Fd: dockerproxy.ListenerFD, Events: unix.POLLIN}, {Fd: dockerproxy.PidfdFD, Events: unix.POLLIN}}
	for {
		errno, ok := raw.Call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&polls)), uintptr(len(polls)), 0, 0, 0, 0)
		if ok || errno != uintptr(unix.EINTR) {
			return
		}
	}
}
