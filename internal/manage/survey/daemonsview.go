package survey

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// daemonsPath returns where the daemon at a socket sees a path of the container that this is, "" if it sees nothing of
// it. told is false if the daemon has not started this container, or does not say.
func (s System) daemonsPath(socket, path string) (there string, told bool) {
	id := containerID(s.read("proc/self/mountinfo"))
	if id == "" {
		return "", false
	}
	var container struct {
		Mounts []struct{ Source, Destination string }
	}
	if json.Unmarshal(ask(socket, "/containers/"+id+"/json"), &container) != nil || container.Mounts == nil {
		return "", false
	}
	at := ""
	for _, m := range container.Mounts {
		rest, in := paths.Under(path, m.Destination)
		if in && len(m.Destination) > len(at) { // the nearest counts
			at, there = m.Destination, filepath.Join(m.Source, rest)
		}
	}
	return there, true
}

// containerID finds it in the places that a container's own files are mounted from (/etc/hostname and others).
func containerID(mountinfo string) string {
	const length = 64
	for _, word := range strings.Fields(mountinfo) {
		_, rest, ok := strings.Cut(word, "/containers/")
		if !ok || len(rest) < length || strings.Trim(rest[:length], "0123456789abcdef") != "" {
			continue
		}
		return rest[:length]
	}
	return ""
}

// ask returns the body of a daemon's answer to a GET, nil if it has not answered with status 200 within two seconds.
func ask(socket, target string) []byte {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	conn := os.NewFile(uintptr(fd), socket)
	defer conn.Close()
	for _, option := range []int{unix.SO_RCVTIMEO, unix.SO_SNDTIMEO} {
		_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, option, &unix.Timeval{Sec: 2})
	}
	if unix.Connect(fd, &unix.SockaddrUnix{Name: socket}) != nil {
		return nil
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.0\r\nHost: docker\r\n\r\n", target); err != nil {
		return nil
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	head, body, _ := bytes.Cut(answer, []byte("\r\n\r\n"))
	if err != nil || !bytes.HasPrefix(head, []byte("HTTP/1.")) || !bytes.HasPrefix(head[len("HTTP/1."):], []byte("0 200")) && !bytes.HasPrefix(head[len("HTTP/1."):], []byte("1 200")) {
		return nil
	}
	return body
}
