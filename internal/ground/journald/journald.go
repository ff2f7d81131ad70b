// Package journald tells a machine's administrator something by systemd's journal, if there is one.
package journald

import (
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// socket is where journald listens (systemd-journald.service(8)).
const socket = "/run/systemd/journal/socket"

// Error sends one line of priority err. Nothing waits for it, and nobody may be listening.
func Error(line string) { _ = send(socket, line) }

// send writes one entry in journald's own protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
func send(path, line string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	entry := "PRIORITY=3\nSYSLOG_IDENTIFIER=worker-wrap\nMESSAGE=" + visible.Line(line) + "\n"
	return unix.Sendto(fd, []byte(entry), unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path})
}
