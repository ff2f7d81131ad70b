package dockersocket

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
)

// Variables name the environment that says where a process's daemon is, next to HOME.
var Variables = [...]string{"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"}

// Default is where clients look without DOCKER_HOST. The runner names this path, and no other,
// when it gives a container the socket (ContainerOperationProvider.cs).
const Default = "/var/run/docker.sock"

// Find returns the path of the Docker socket that a process with this environment uses, and that its user can reach:
// the one in DOCKER_HOST=unix://…, or without one of the CLI's context, else /var/run/docker.sock, else a rootless
// daemon's. If there is none, path is empty and why says so in a few words.
func Find(env []string, uid int) (path, why string) {
	host := environ.Get(env, "DOCKER_HOST")
	if host != "" {
		path, ok := strings.CutPrefix(host, "unix://")
		if !ok || !filepath.IsAbs(path) {
			return "", fmt.Sprintf("DOCKER_HOST=%s is not a unix socket of this machine", host)
		}
		if err := usable(path); err != nil {
			return "", fmt.Sprintf("the socket of DOCKER_HOST=%s: %v", host, err)
		}
		return path, ""
	}
	if _, host := Context(env); strings.HasPrefix(host, "unix:///") {
		if path := strings.TrimPrefix(host, "unix://"); usable(path) == nil {
			return path, ""
		}
	}
	err := usable(Default)
	if err == nil {
		return Default, ""
	}
	// dockerd-rootless.sh puts it there.
	candidates := []string{"/run/user/" + strconv.Itoa(uid)}
	if dir := environ.Get(env, "XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		candidates = append([]string{dir}, candidates...)
	}
	for _, dir := range candidates {
		if path := filepath.Join(dir, "docker.sock"); usable(path) == nil {
			return path, ""
		}
	}
	return "", fmt.Sprintf("%s: %v", Default, err)
}

// usable reports whether path is a socket that the process's user may connect to (unix(7): connecting
// needs write permission).
func usable(path string) error {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return unix.ENOTSOCK
	}
	return unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
}
