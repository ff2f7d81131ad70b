package dockersocket

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Known are the places of the daemons' sockets that belong to root. /var/run is not everywhere a link to /run.
var Known = [...]string{
	"/var/run/docker.sock", "/run/docker.sock", // dockerd's own, and that of podman-docker
	"/run/docker/docker.sock", "/var/run/docker/docker.sock", // a dockerd beside the runner's container, in a folder that both have
	"/run/podman/podman.sock", "/var/run/podman/podman.sock", // podman.socket, the system's
}

// Mend is what to do about a [Refused] socket, in a few words.
const Mend = "if a Docker or Podman daemon is there, have root name it in " + ListPath

// Refused says why nothing may be laid over a socket.
type Refused struct{ Path, Why string }

func (r *Refused) Error() string { return r.Path + " " + r.Why }

// Open opens the socket at path, as [Find] gives it, as a place to lay another socket over. uid is the caller's real
// user, and what else the caller may do is asked of the kernel. The error is a [*Refused], or a system call's.
//
// Root may cover any socket, and everybody their own. Another's may be covered only if it lets the caller in, at a
// place that root has named for a daemon ([Known], [List]): whoever can write to such a socket is as good as root
// anyway. That is asked of the open socket, since path can lead elsewhere by now.
func Open(path string, uid int) (*os.File, error) {
	socket, err := untrusted.At(nil, path, unix.O_PATH)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.ENOTDIR) {
		return nil, &Refused{path, fmt.Sprintf("cannot be covered (%v)", err)}
	}
	if err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(socket.Fd()), &st); err != nil {
		socket.Close()
		return nil, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		socket.Close()
		return nil, &Refused{path, "is no socket any more"}
	}
	if uid == 0 || int(st.Uid) == uid || alone() {
		return socket, nil
	}
	defer socket.Close()
	if place := among(Known[:], socket, &st); place != nil {
		return place, nil
	}
	named, err := List()
	if place := among(named, socket, &st); place != nil {
		return place, nil
	}
	r := &Refused{path, fmt.Sprintf("belongs to uid %d and is neither at a usual place of Docker's or Podman's socket nor named by root", st.Uid)}
	if err != nil {
		r.Why += fmt.Sprintf(" (%v)", err)
	}
	return nil, r
}

// among returns the place of those that is where socket is, opened by itself, if it lets the caller in.
//
// The place counts, and not the socket's identity alone: with a hard link the caller could give another socket
// the name of a place in a folder that anybody may write to. What is laid there is seen nowhere else.
func among(places []string, socket *os.File, st *unix.Stat_t) *os.File {
	for _, path := range places {
		var is unix.Stat_t
		if unix.Stat(path, &is) != nil || is.Dev != st.Dev || is.Ino != st.Ino {
			continue
		}
		place, err := untrusted.Rooted(path)
		if err != nil {
			continue
		}
		if unix.Fstat(int(place.Fd()), &is) == nil && is.Dev == st.Dev && is.Ino == st.Ino && samePlace(place, socket) &&
			unix.Faccessat(unix.AT_FDCWD, untrusted.Through(place), unix.W_OK, unix.AT_EACCESS) == nil {
			return place
		}
		place.Close()
	}
	return nil
}

// samePlace reports whether two open files have one path.
func samePlace(a, b *os.File) bool {
	first, err := os.Readlink(untrusted.Through(a))
	if err != nil {
		return false
	}
	second, err := os.Readlink(untrusted.Through(b))
	return err == nil && first == second
}

// alone reports whether the user namespace has no user but the caller. No program in it can have more rights than
// the caller: set-user-ID bits of users that it does not map count for nothing (user_namespaces(7)).
func alone() bool {
	fields := strings.Fields(untrusted.Text("/proc/self/uid_map"))
	return len(fields) == 3 && fields[2] == "1"
}
