package mounts

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// Tmpfs asks for a new tmpfs(5), which honours neither set-user-ID bits nor device files. It is freed with the
// last namespace that has it.
type Tmpfs struct {
	Size string // the size option: bytes with a unit, or percents of the memory; "" is half of that
	// UID, GID and Mode (up to 07777) are those of its root. The ids must be mapped in the caller's user
	// namespace (EINVAL).
	UID, GID int
	Mode     uint32
	// Prepare, if it is set, is called with its root, open for reading, before it can be reached by any path. It is not
	// called if fsopen(2) is missing or denied, and mount(2) makes the file system in its place.
	Prepare func(root *os.File) error
}

// open makes the file system, mounted nowhere. Requires Linux 5.2 (fsopen).
func (t *Tmpfs) open(target string) (*os.File, error) {
	fail := func(op, flags string, err error) (*os.File, error) {
		return nil, &Error{Op: op, Source: "tmpfs", Target: target, Flags: flags, Err: err}
	}
	context, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fail("fsopen", "", err)
	}
	defer unix.Close(context)
	for _, option := range append(t.options(), [2]string{"source", "tmpfs"}) {
		if err := unix.FsconfigSetString(context, option[0], option[1]); err != nil {
			return fail("fsconfig", option[0]+"="+option[1], err)
		}
	}
	if err := retry(func() error { return unix.FsconfigCreate(context) }); err != nil {
		return fail("fsconfig", "FSCONFIG_CMD_CREATE", err)
	}
	tree, err := unix.Fsmount(context, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return fail("fsmount", "", err)
	}
	return os.NewFile(uintptr(tree), "tmpfs"), nil
}

// prepare has the caller do the rest to what open has made.
func (t *Tmpfs) prepare(tree *os.File) error {
	if t.Prepare == nil {
		return nil
	}
	root, err := openAt(tree, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer root.Close()
	return t.Prepare(root)
}

// mount makes and attaches the file system with mount(2), if the kernel lacks the calls of [Tmpfs.open], or denies
// them.
func (t *Tmpfs) mount(target *os.File) error {
	data := ""
	for _, option := range t.options() {
		data += "," + option[0] + "=" + option[1]
	}
	err := retry(func() error {
		return unix.Mount("tmpfs", magic(target), "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, data[1:])
	})
	if err != nil {
		return &Error{Op: "mount", Source: "tmpfs", Target: target.Name(), Flags: data[1:], Err: err}
	}
	return nil
}

func (t *Tmpfs) options() [][2]string {
	out := [][2]string{
		{"mode", fmt.Sprintf("%#o", t.Mode)},
		{"uid", strconv.Itoa(t.UID)},
		{"gid", strconv.Itoa(t.GID)},
	}
	if t.Size != "" {
		out = append(out, [2]string{"size", t.Size})
	}
	return out
}

// tree makes what a bind is to lay, mounted nowhere; nil if the calls for that are missing.
func (s *session) tree(b Mount) (tree *os.File, err error) {
	if s.avoid&NewMountAPI != 0 || s.cannot {
		return nil, nil
	}
	if b.Tmpfs != nil {
		tree, err = b.Tmpfs.open(b.Target.Name())
	} else {
		tree, err = openTree(b.Source, unix.AT_RECURSIVE)
	}
	switch {
	case err == nil:
		s.result.Used |= NewMountAPI
		if b.Tmpfs != nil {
			err = b.Tmpfs.prepare(tree)
		}
	case denied(err):
		s.moveDenied() // a filter that knows neither call
		return nil, nil
	}
	return tree, err
}
