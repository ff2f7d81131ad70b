package mounts

import "golang.org/x/sys/unix"

// Features names kernel features that [Bind] uses where it finds them and can do without.
type Features uint

const (
	// NewMountAPI is open_tree(2) and move_mount(2), Linux 5.2. Without them, or if a seccomp filter denies them, binds
	// are laid by mount(2) through /proc/self/fd. Before, the mount that the target lies in becomes a slave. They are
	// slaves then too, and mounts below them do not reach the host.
	NewMountAPI Features = 1 << iota
	// MountSetattr is mount_setattr(2), Linux 5.12. Without it, mount(2) through /proc/self/fd.
	MountSetattr
	// SetGroup is MOVE_MOUNT_SET_GROUP of move_mount(2), Linux 5.15. Without it the mount that a target
	// lies in becomes a slave: the host's mounts still arrive, but mounts made here on that one mount no
	// longer reach the host.
	SetGroup
)

var featureNames = [...]struct {
	feature Features
	name    string
	since   string
}{
	{NewMountAPI, "open_tree, move_mount", "5.2"},
	{MountSetattr, "mount_setattr", "5.12"},
	{SetGroup, "MOVE_MOUNT_SET_GROUP", "5.15"},
}

// Feature is one kernel feature and whether this kernel has it.
type Feature struct {
	Name  string
	Since string // the first kernel release with it
	Have  bool
}

// Probe asks the kernel for each feature, without privilege and without changing anything.
func Probe() []Feature {
	have := probe()
	var out []Feature
	for _, f := range featureNames {
		out = append(out, Feature{f.name, f.since, have&f.feature != 0})
	}
	return out
}

// probe calls each with descriptors that cannot be open: a kernel that knows the call gets as far as
// EBADF, one that does not says ENOSYS or, for an unknown flag, EINVAL.
func probe() Features {
	var have Features
	const bad = -1
	if _, err := unix.OpenTree(bad, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLOEXEC); err == unix.EBADF {
		have |= NewMountAPI
	}
	// mount_setattr checks the privilege of what it found, not of the caller, after the lookup.
	if err := unix.MountSetattr(bad, "", unix.AT_EMPTY_PATH, &unix.MountAttr{Propagation: unix.MS_PRIVATE}); err != unix.ENOSYS {
		have |= MountSetattr
	}
	if knowsSetGroup() {
		have |= SetGroup
	}
	return have
}

// knowsSetGroup tells EINVAL for an unknown flag from EBADF, which shows that the flag was accepted. A caller that may
// not mount is told EPERM before the flags are looked at; the release decides then.
func knowsSetGroup() bool {
	err := unix.MoveMount(-1, "", -1, "", unix.MOVE_MOUNT_SET_GROUP|unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	if err == unix.EPERM {
		return releaseAtLeast(5, 15)
	}
	return err == unix.EBADF
}

// releaseAtLeast compares the running kernel's release (uname(2)).
func releaseAtLeast(major, minor int) bool {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return false
	}
	number := [2]int{}
	part := 0
	for _, c := range name.Release {
		switch {
		case c >= '0' && c <= '9':
			number[part] = number[part]*10 + int(c-'0')
		case c == '.' && part == 0:
			part = 1
		default:
			return number[0] > major || number[0] == major && number[1] >= minor
		}
	}
	return false
}
