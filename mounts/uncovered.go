package mounts

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// place is where a bind's target lies.
type place struct {
	name   string   // in its folder
	folder *os.File // of this namespace
	opened bool     // folder is to be closed
	target identity
}

// placeOf looks up where b's target lies. It needs /proc.
func placeOf(b Mount) (p place, err error) {
	path, err := os.Readlink(magic(b.Target))
	if err != nil {
		return p, err
	}
	target, isDir, err := identify(b.Target)
	if err != nil {
		return p, err
	}
	p = place{name: filepath.Base(path), folder: b.Parent, target: target}
	if isDir {
		p.folder, err = openAt(b.Target, "..", unix.O_PATH|unix.O_DIRECTORY)
		p.opened = err == nil
	}
	return p, err
}

func (p place) close() {
	if p.opened {
		p.folder.Close()
	}
}

// at opens the target's name in folder, and so sees what is mounted over it. The open target itself does not show that.
func (p place) at(folder *os.File) (*os.File, identity, error) {
	f, err := openAt(folder, p.name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return nil, identity{}, err
	}
	is, _, err := identify(f)
	if err != nil {
		f.Close()
		return nil, identity{}, err
	}
	return f, is, nil
}

// uncovered returns an error that wraps [ErrChanged] if something is mounted over b's target. The caller opened the
// target while its mount was in a peer group, so a mount of the host's may have arrived over it since. move_mount(2) and
// mount(2) would put the bind on that mount (lock_mount, fs/namespace.c), and the host would see it. The target's mount
// is private by now, so nothing more arrives. It needs /proc.
func uncovered(b Mount) error {
	p, err := placeOf(b)
	if err != nil {
		return err
	}
	defer p.close()
	there, is, err := p.at(p.folder)
	if err != nil {
		return err
	}
	defer there.Close()
	if is != p.target {
		return gone(b, "something was mounted over it just now, or it was exchanged")
	}
	return nil
}

// verify runs after the target's mount is back in its peer group. While the mount was private, the host may have mounted
// something over the target. This namespace has no such mount, but its unmount propagates to here and removes the bind
// (propagate_umount, fs/pnode.c). If that mount exists, or has taken the bind along, verify removes the bind and
// returns an error that wraps [ErrChanged].
//
// A mount that the host makes from now on slides below the bind (attach_recursive_mnt, fs/namespace.c).
func (s *session) verify(b Mount) error {
	if b.Outside == nil {
		return nil
	}
	p, err := placeOf(b)
	if err != nil {
		return err
	}
	defer p.close()
	for _, a := range s.apart {
		if a.id != p.target.mount || a.peer == nil { // a slave misses nothing
			continue
		}
		if err := p.missed(b); err != nil {
			if failed := s.takeAway(a, p); failed != nil {
				return failed
			}
			return err
		}
	}
	return nil
}

// missed returns an error if the host changed something at p while p's mount was private.
func (p place) missed(b Mount) error {
	f, outside, err := p.at(b.Outside) // the host's view first: a mount made after this look arrives here
	if err != nil {
		return err
	}
	f.Close()
	if outside.file != p.target.file {
		return gone(b, "something was mounted over it outside just now, or it was exchanged")
	}
	f, here, err := p.at(p.folder)
	if err != nil {
		return err
	}
	f.Close()
	if here.mount == p.target.mount {
		return gone(b, "it is uncovered again, as something was unmounted there outside just now")
	}
	return nil
}

// takeAway unmounts what lies over p in the mount a, in this namespace only.
func (s *session) takeAway(a apart, p place) error {
	if err := setPropagation(a.root, unix.MS_PRIVATE, s.avoid); err != nil {
		return err
	}
	there, is, err := p.at(p.folder)
	if err != nil {
		return err
	}
	defer there.Close()
	if is.mount != p.target.mount {
		if err := unix.Unmount(magic(there), unix.MNT_DETACH); err != nil {
			return &Error{Op: "umount2", Target: there.Name(), Err: err}
		}
	}
	return s.rejoin()
}

func gone(b Mount, why string) error {
	return &Error{Op: "move_mount", Target: b.Target.Name(), Why: why, Err: ErrChanged}
}
