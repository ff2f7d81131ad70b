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

// at opens what has the target's name in a folder, with what is mounted over that: a mount over a folder can be seen
// only from outside, by its name.
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

// uncovered makes sure that nothing is mounted over b's target. The target was opened before the mount that it lies in
// left its peer group, so what was mounted on the host since then may have arrived over it; and both move_mount(2) and
// mount(2) lay a mount on whatever lies there (lock_mount, fs/namespace.c). That one is in a peer group with the
// host's, and the bind would be seen there. From now on nothing arrives any more.
//
// The error wraps [os.ErrNotExist], as it does where the name is gone or leads elsewhere. It needs /proc.
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

// kept makes sure, after the mount that b's target lies in is back in its peer group, that b lies there for good. What
// was mounted over the target outside while it was not is no mount here, but when it is unmounted there, the kernel
// unmounts what lies at that place here, and that is b (propagate_umount, fs/pnode.c). If such a mount is there still,
// or is gone with b, b is taken away here, and the error wraps [os.ErrNotExist].
//
// What is mounted outside from now on slides below b, and is unmounted there (attach_recursive_mnt, fs/namespace.c).
func (s *session) kept(b Mount) error {
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

// missed says what is wrong with a place that b was laid over.
func (p place) missed(b Mount) error {
	f, outside, err := p.at(b.Outside) // this first: what comes later arrives
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

// takeAway unmounts what lies over the place p in the mount m, and nothing elsewhere.
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
	return &Error{Op: "move_mount", Target: b.Target.Name(), Flags: why, Err: unix.ENOENT}
}
