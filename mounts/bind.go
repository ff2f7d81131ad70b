package mounts

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Mount is one bind to lay: Source over Target. Both are open (O_PATH will do) and were looked up in
// the calling thread's present mount namespace, so after an unshare. Both are folders or neither is.
// A Target opened with O_NOFOLLOW may be a symbolic link: the link itself is covered then.
type Mount struct {
	Source *os.File
	Target *os.File
	// Tmpfs is laid instead of Source if it is set. Target is a folder then.
	Tmpfs *Tmpfs
	// Parent is the folder that Target was opened from. It may be nil if Target is a folder.
	Parent *os.File
	// Outside is Parent in the namespace that this one is a copy of, opened before the unshare. Bind uses it to find
	// mounts over Target that it missed. If it is nil, Bind does not look for them.
	Outside *os.File
}

// Result says how [Bind] did it.
type Result struct {
	// Used holds the features that were found and used.
	Used Features
	// Slaves are the paths of mounts that became slaves because they could not be put back into their
	// peer group: what the host mounts still arrives there, what is mounted there stays here. Among them can be
	// /dev/mqueue or /dev/pts, in which nobody mounts anything, if one had to give room that only this namespace sees.
	Slaves []string
}

// Bind lays binds in their order in the calling thread's mount namespace, which must not be shared with anyone. No
// other namespace sees them, and each mount that a target lies in stays connected to the host as it was.
//
// The source is laid with the mounts below it, and its clone stays in its peer group. So a mount below a target here
// appears below the source on the host, as it would without the bind.
//
// If a security module or a filter denies move_mount(2), as AppArmor does in containers of LXC since Linux 6.7, Bind
// does the same with mount(2). If that may not be recursive either, the source is laid without the mounts below it.
//
// Features in avoid are treated as missing, for tests. Errors of system calls are of type [*Error]. After one,
// some of the binds may be laid, and the mounts are connected again if the kernel allows it. After an error that wraps
// [os.ErrNotExist] (so also [ErrChanged]) open the targets again, and [Mount.Outside] too. It needs /proc, and CAP_SYS_ADMIN over the namespace. Requires Linux 5.8.
//
// The mounts are out of their peer groups for some microseconds, or longer on a busy machine; a mount or unmount that
// happens in that moment outside does not arrive here. See [Mount.Outside] for those over a target.
func Bind(avoid Features, binds ...Mount) (Result, error) {
	s := session{avoid: avoid}
	err := s.bind(binds)
	if failed := s.close(); err == nil {
		err = failed
	}
	return s.result, err
}

func (s *session) bind(binds []Mount) error {
	for _, b := range binds {
		if err := s.clone(b); err != nil {
			return err
		}
	}
	for _, b := range binds {
		if err := s.lay(b); err != nil {
			_ = s.rejoin() // so that the caller may try again
			return err
		}
	}
	if err := s.rejoin(); err != nil {
		return err
	}
	for _, b := range binds {
		if err := s.verify(b); err != nil {
			return err
		}
	}
	return nil
}

// session is the work of one Bind.
type session struct {
	avoid  Features
	result Result
	trees  []*os.File // clones of the sources, in the order of the binds
	apart  []apart    // mounts that were taken out of their peer group
	asked  bool       // whether the kernel has MOVE_MOUNT_SET_GROUP; the answer is in result.Used
	cannot bool       // mounts cannot be laid by move_mount(2): it is missing or denied
	room   *os.File   // see attach
}

// clone makes the source's mount, or the tmpfs. It comes before any propagation changes, so that the clone is in
// the peer group that the source is in now.
func (s *session) clone(b Mount) error {
	tree, err := s.tree(b)
	s.trees = append(s.trees, tree)
	return err
}

// lay takes the target's mount out of its peer group, unless it is already, and attaches the clone.
func (s *session) lay(b Mount) error {
	if err := s.takeOut(b); err != nil {
		return err
	}
	if err := uncovered(b); err != nil {
		return err
	}
	tree := s.trees[0]
	s.trees = s.trees[1:]
	if tree != nil {
		defer tree.Close()
	}
	if tree != nil && !s.cannot {
		err := moveMount(tree, b.Target)
		if !denied(err) {
			return err
		}
		s.moveDenied()
	}
	if b.Tmpfs != nil {
		return b.Tmpfs.mount(b.Target)
	}
	return s.mount(b)
}

// moveDenied notes that the new mount API is denied, though the kernel has it.
func (s *session) moveDenied() {
	s.cannot = true
	s.result.Used &^= NewMountAPI
}

// mount lays a bind by mount(2). LXC's profiles allow one that is not recursive only.
func (s *session) mount(b Mount) error {
	err := bindMount(b.Source, b.Target, unix.MS_BIND|unix.MS_REC)
	if errors.Is(err, unix.EACCES) {
		err = bindMount(b.Source, b.Target, unix.MS_BIND)
	}
	if err != nil {
		return err
	}
	return s.join(b)
}

// join puts what mount has laid into the peer group of its source's mount, if that is apart from it and can be put back.
// A mount that became a slave has passed that on.
func (s *session) join(b Mount) error {
	source, _, err := identify(b.Source)
	if err != nil {
		return err
	}
	for _, a := range s.apart {
		if a.id != source.mount || a.peer == nil {
			continue
		}
		p, err := placeOf(b)
		if err != nil {
			return err
		}
		defer p.close()
		laid, is, err := p.at(p.folder)
		if err != nil {
			return err
		}
		defer laid.Close()
		if is.file.inode != source.inode || is.mount == p.target.mount {
			return gone(b, "it was exchanged just now")
		}
		return rejoin(a.peer, laid)
	}
	return nil
}
