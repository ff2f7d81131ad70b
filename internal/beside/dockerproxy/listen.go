package dockerproxy

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy/stream"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// listen makes the socket at path and listens on it, such that only who can reach the real socket can
// reach it. From now on clients can connect; they wait until somebody accepts.
// The path may be of any length.
func listen(path, real string) (*os.File, error) {
	access, err := accessOf(real)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	socket := os.NewFile(uintptr(fd), path)
	// The file is made with this mode: nobody gets in before it is what it should be.
	if err := unix.Fchmod(fd, 0o600); err != nil {
		socket.Close()
		return nil, os.NewSyscallError("fchmod", err)
	}
	err = stream.Bind(fd, path, func(name string) error {
		if err := access.apply(name); err != nil {
			return err
		}
		return os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
	})
	if err != nil {
		socket.Close()
		return nil, err
	}
	return socket, nil
}

// access is who may connect to a socket besides its owner.
type access struct {
	mode uint32
	gid  int
}

// accessOf tells who besides its owner can reach the socket at path: what its mode grants, as far as the
// folders on the way to it let the same people through.
func accessOf(path string) (access, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return access{}, err
	}
	var socket unix.Stat_t
	if err := unix.Stat(real, &socket); err != nil {
		return access{}, &os.PathError{Op: "stat", Path: real, Err: err}
	}
	a := access{socket.Mode & 0o066, int(socket.Gid)}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		var st unix.Stat_t
		if err := unix.Stat(dir, &st); err != nil {
			return access{}, &os.PathError{Op: "stat", Path: dir, Err: err}
		}
		if st.Mode&0o001 == 0 { // search permission for others
			a.mode &^= 0o006
			if st.Mode&0o010 == 0 || st.Gid != socket.Gid {
				a.mode &^= 0o060
			}
		}
		if dir == "/" {
			return a, nil
		}
	}
}

// apply gives the socket at path, which the caller has just made, this group and mode. A group that the
// caller may not give gets nothing. The folder may be another user's than root's, who starts a Worker there: it is
// the socket itself that changes, not what has its name by then.
func (a access) apply(path string) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	socket := os.NewFile(uintptr(fd), path)
	defer socket.Close()
	st, err := socket.Stat()
	if err != nil {
		return err
	}
	if st.Mode().Type() != os.ModeSocket {
		return &os.PathError{Op: "chmod", Path: path, Err: errors.New("somebody has put something else there")}
	}
	if a.mode&0o060 != 0 && int(st.Sys().(*syscall.Stat_t).Gid) != a.gid &&
		(!nsenter.MayChown() || unix.Fchownat(fd, "", -1, a.gid, unix.AT_EMPTY_PATH) != nil) {
		a.mode &^= 0o060
	}
	if err := unix.Chmod(untrusted.Through(socket), 0o600|a.mode); err != nil {
		return &os.PathError{Op: "chmod", Path: path, Err: err}
	}
	return nil
}
