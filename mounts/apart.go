package mounts

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// apart is a mount out of its peer group, and one that is still in.
type apart struct {
	mount
	peer   *os.File // nil if the mount became a slave instead
	shared bool     // it is to be shared again, though with nobody that it was shared with
}

// takeOut takes the mount that b's target lies in out of its peer group.
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
	a := apart{mount: m}
	if a.peer, a.shared, err = s.peerOf(m); err != nil {
		m.root.Close()
		return err
	}
	s.apart = append(s.apart, a)
	if a.peer != nil {
		return setPropagation(m.root, unix.MS_PRIVATE, s.avoid)
	}
	s.result.Slaves = append(s.result.Slaves, m.root.Name())
	return setPropagation(m.root, unix.MS_SLAVE, s.avoid)
}

// peerOf returns a mount by which m can be put back into its peer group, nil if there can be none. Then shared says
// whether m should be made shared again.
func (s *session) peerOf(m mount) (peer *os.File, shared bool, err error) {
	if !s.knowsSetGroup(m) {
		return nil, false, nil
	}
	peer, err = openTree(m.root, 0)
	if errors.Is(err, unix.EINVAL) {
		// Mounts on this one are locked, as in a user namespace (mount_namespaces(7)). Such a
		// mount is a slave there already, or private, and making it a slave changes nothing.
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	// A private mount is lost if it may not be put back, so that is asked while it is shared. The kernel looks first
	// whether the call is allowed, and then refuses with EINVAL what is shared or a slave.
	if !denied(setGroup(peer, m.root)) {
		return peer, false, nil
	}
	peer.Close()
	s.moveDenied()
	if peer, err = s.attach(m.root); peer != nil || err != nil {
		return peer, false, err
	}
	shared, err = isShared(m.root)
	return nil, shared, err
}

// knowsSetGroup reports whether the kernel has MOVE_MOUNT_SET_GROUP, and does not ask one that is known to.
func (s *session) knowsSetGroup(m mount) bool {
	if !s.asked {
		s.asked = true
		if s.avoid&(SetGroup|NewMountAPI) == 0 && !s.cannot && (m.since6_8 || knowsSetGroup()) {
			s.result.Used |= SetGroup
		}
	}
	return s.result.Used&SetGroup != 0
}

// rejoin puts the mounts back into their peer groups.
func (s *session) rejoin() error {
	for _, a := range s.apart {
		if a.peer != nil {
			if err := rejoin(a.peer, a.root); err != nil {
				return err
			}
		}
		if a.shared {
			if err := setPropagation(a.root, unix.MS_SHARED, s.avoid); err != nil {
				return err
			}
		}
	}
	return nil
}

// rejoin puts the private mount with this root into the peer group of peer.
func rejoin(peer, root *os.File) error {
	// EINVAL: peer is in no group and has no master, so there is nothing to restore.
	if err := setGroup(peer, root); err != nil && err != unix.EINVAL {
		return &Error{Op: "move_mount", Target: root.Name(), Flags: "MOVE_MOUNT_SET_GROUP", Err: err}
	}
	return nil
}

func (s *session) close() error {
	err := s.leave()
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
	return err
}
