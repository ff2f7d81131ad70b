package mounts

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// attach binds the mount with this root to a place that only this namespace sees, and returns its root: a member of the
// same peer group that has a path. AppArmor matches rules against paths: it may allow a mount to be put back into the
// group this way, and forbid a detached clone. It returns nil if that is denied too, or there is no such place.
//
// What is attached is gone after [session.close].
func (s *session) attach(root *os.File) (*os.File, error) {
	if s.room == nil {
		room, err := s.newRoom()
		if room == nil || err != nil {
			return nil, err
		}
		s.room = room
	}
	_, isDir, err := identify(root)
	if err != nil {
		return nil, err
	}
	name := strconv.Itoa(len(s.apart))
	place, err := makeAt(s.room, name, isDir)
	if err != nil {
		return nil, err
	}
	defer place.Close()
	// Not recursive: what is mounted below is no member of this group.
	if err := bindMount(root, place, unix.MS_BIND); err != nil {
		if denied(err) || errors.Is(err, unix.EINVAL) { // EINVAL: it is unbindable
			return nil, nil
		}
		return nil, err
	}
	peer, err := openAt(s.room, name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, err
	}
	if denied(setGroup(peer, root)) { // asked as in peerOf
		peer.Close()
		return nil, nil
	}
	return peer, nil
}

// idle are file systems in which nobody can make a folder or a file, so that nobody mounts anything in them. A mount of
// one can become a slave and nobody misses anything.
var idle = [...]struct {
	path  string
	magic uint32
}{
	{"/dev/mqueue", 0x19800202}, // MQUEUE_MAGIC in ipc/mqueue.c
	{"/dev/pts", unix.DEVPTS_SUPER_MAGIC},
}

// newRoom lays an empty tmpfs over one of idle, which becomes a slave, so that no other namespace sees it. It returns
// nil if none of them is there, or the tmpfs is denied.
func (s *session) newRoom() (*os.File, error) {
	for _, is := range idle {
		under, seen, err := openMount(is.path, is.magic)
		if under == nil || err != nil {
			continue
		}
		defer under.Close()
		if err := setPropagation(under, unix.MS_SLAVE, s.avoid); err != nil {
			return nil, err
		}
		// What was mounted over it before is shared, and what is laid there would be seen.
		again, now, err := openMount(is.path, is.magic)
		if again == nil || err != nil {
			continue
		}
		again.Close()
		if now != seen {
			continue
		}
		s.result.Slaves = append(s.result.Slaves, is.path)
		err = retry(func() error {
			return unix.Mount("tmpfs", magic(under), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700,size=64k")
		})
		if err != nil {
			return nil, nil
		}
		room, _, err := openMount(is.path, unix.TMPFS_MAGIC)
		if room == nil && err == nil {
			err = &Error{Op: "mount", Source: "tmpfs", Target: is.path, Flags: "something was mounted over it just now", Err: unix.ENOENT}
		}
		return room, err
	}
	return nil, nil
}

// openMount opens the root of the mount at path; nil if what is there is none, or is no file system of this type.
func openMount(path string, magic uint32) (*os.File, identity, error) {
	f, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, identity{}, err
	}
	is, _, err := identify(f)
	var st unix.Statfs_t
	if err == nil {
		err = unix.Fstatfs(fd(f), &st)
	}
	if err != nil || !is.isRoot || uint32(st.Type) != magic {
		f.Close()
		return nil, is, err
	}
	return f, is, nil
}

// leave takes what was attached away again, and the room with it.
func (s *session) leave() error {
	if s.room == nil {
		return nil
	}
	defer s.room.Close()
	// An unmount of what has arrived on a member of the group would be one on the host too.
	if err := setPropagation(s.room, unix.MS_REC|unix.MS_PRIVATE, s.avoid); err != nil {
		return err
	}
	if err := unix.Unmount(magic(s.room), unix.MNT_DETACH); err != nil {
		return &Error{Op: "umount2", Target: s.room.Name(), Err: err}
	}
	return nil
}

// makeAt makes a folder or a file and opens it.
func makeAt(dir *os.File, name string, isDir bool) (*os.File, error) {
	var err error
	if isDir {
		err = unix.Mkdirat(fd(dir), name, 0o700)
	} else {
		err = unix.Mknodat(fd(dir), name, unix.S_IFREG|0o600, 0)
	}
	if err != nil {
		return nil, &Error{Op: "mkdirat", Target: dir.Name() + "/" + name, Err: err}
	}
	return openAt(dir, name, unix.O_PATH|unix.O_NOFOLLOW)
}
