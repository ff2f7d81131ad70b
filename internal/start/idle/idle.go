// Package idle keeps processes that have nothing to do from waking Go's runtime, by the rules of package early.
package idle

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/start/raw"
)

// Docker returns, if the process is a Docker proxy, when there is a first client, when its socket is shut down, or when
// its Worker has ended. Most jobs use no Docker, and a start has the processor and its memory to itself until then.
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
