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
	// Tmpfs is laid instead of Source, where it is set; Target is a folder then.
	Tmpfs *Tmpfs
	// Parent is the folder that Target was opened from. It may be nil where Target is a folder.
	Parent *os.File
	// Outside is the folder of that name in the namespace that this one is a copy of, opened before the unshare. By it
	// Bind makes sure that it has missed no mount over Target. It may be nil; then that is not looked at.
	Outside *os.File
}

// Result says how [Bind] did it.
type Result struct {
	// Used holds the features that were found and used.
	Used Features
	// Slaves are the paths of mounts that became slaves because they could not be put back into their
	// peer group: what the host mounts still arrives there, what is mounted there stays here.
	Slaves []string
}

// Bind lays binds in the calling thread's mount namespace, which must not be shared with anyone, in
// their order, such that no other namespace sees them, and keeps each mount that a target lies in
// connected to the host as it was.
//
// The source is laid with what is mounted below it, and its clone stays in its peer group, so that what is
// mounted below a target here appears below the source on the host, as it would had the bind not been there.
//
// Features in avoid are treated as missing, for tests. Errors of system calls are of type [*Error]; after one,
// some of the binds may lie where they should, and the mounts are connected again as far as that goes. One that wraps
// [os.ErrNotExist] may say that something was mounted over a target since that was opened: open it again, and
// [Mount.Outside] too. It needs /proc, and CAP_SYS_ADMIN over the namespace. Requires Linux 5.8.
//
// The mounts are out of their peer groups for some microseconds, or longer on a busy machine; a mount or unmount that
// happens in that moment outside does not arrive here. See [Mount.Outside] for those over a target.
func Bind(avoid Features, binds ...Mount) (Result, error) {
	s := session{avoid: avoid}
	if avoid&SetGroup == 0 && avoid&NewMountAPI == 0 && knowsSetGroup() {
		s.result.Used |= SetGroup
	}
	defer s.close()
	for _, b := range binds {
		if err := s.clone(b); err != nil {
			return s.result, err
		}
	}
	for _, b := range binds {
		if err := s.lay(b); err != nil {
			_ = s.rejoin() // so that the caller may try again
			return s.result, err
		}
	}
	if err := s.rejoin(); err != nil {
		return s.result, err
	}
	for _, b := range binds {
		if err := s.kept(b); err != nil {
			return s.result, err
		}
	}
	return s.result, nil
}

// session is the work of one Bind.
type session struct {
	avoid  Features
	result Result
	trees  []*os.File // clones of the sources, in the order of the binds
	apart  []apart    // mounts that were taken out of their peer group
}

// apart is a mount out of its peer group, and a clone of it that is still in.
type apart struct {
	mount
	peer *os.File // nil where the mount became a slave instead
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
		return moveMount(tree, b.Target)
	}
	if b.Tmpfs != nil {
		return b.Tmpfs.mount(b.Target)
	}
	if err := retry(func() error { return unix.Mount(magic(b.Source), magic(b.Target), "", unix.MS_BIND|unix.MS_REC, "") }); err != nil {
		return &Error{Op: "mount", Source: b.Source.Name(), Target: b.Target.Name(), Flags: "MS_BIND|MS_REC", Err: err}
	}
	return nil
}

func (s *session) takeOut(b Mount) error {
	m, err := mountOf(b.Target, b.Parent)
	if err != nil {
		return err
	}
	for _, a := range s.apart {
		if a.id == m.id {
			m.root.Close()
			return nil
		}
	}
	var peer *os.File
	if s.result.Used&SetGroup != 0 {
		// EINVAL: mounts on this one are locked, as in a user namespace (mount_namespaces(7)). Such a
		// mount is a slave there already, or private, and making it a slave changes nothing.
		if peer, err = openTree(m.root, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			m.root.Close()
			return err
		}
	}
	s.apart = append(s.apart, apart{m, peer})
	if peer != nil {
		return setPropagation(m.root, unix.MS_PRIVATE, s.avoid)
	}
	s.result.Slaves = append(s.result.Slaves, m.root.Name())
	return setPropagation(m.root, unix.MS_SLAVE, s.avoid)
}

// rejoin puts the mounts back into their peer groups.
func (s *session) rejoin() error {
	for _, a := range s.apart {
		if a.peer == nil {
			continue
		}
		// EINVAL: it was in no peer group and had no master, so there is nothing to restore.
		if err := setGroup(a.peer, a.root); err != nil && err != unix.EINVAL {
			return &Error{Op: "move_mount", Target: a.root.Name(), Flags: "MOVE_MOUNT_SET_GROUP", Err: err}
		}
	}
	return nil
}

func (s *session) close() {
	for _, tree := range s.trees {
		if tree != nil {
			tree.Close()
		}
	}
	for _, a := range s.apart {
		a.root.Close()
		if a.peer != nil {
			a.peer.Close()
		}
	}
}
