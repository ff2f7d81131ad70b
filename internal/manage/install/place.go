package install

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// task is one thing to do outside of bin folders.
type task struct {
	what string
	do   func() error
}

// placeTasks plans what puts the running binary, with its capability, in its place, and a link to it where
// people find it. Every Worker that starts meanwhile finds the old one or the new one, whole. It needs root.
func (m Machine) placeTasks() ([]task, error) {
	place := m.Place()
	if err := usable(place); err != nil {
		return nil, err
	}
	var tasks []task
	same, err := sameContent(m.Self, place)
	if err != nil {
		return nil, err
	}
	at := survey.BinaryAt(place)
	st, err := os.Lstat(place)
	regular := err == nil && st.Mode().IsRegular()
	switch {
	case !same || !regular:
		tasks = append(tasks, task{
			fmt.Sprintf("put worker-wrap in place as %s, owned by root, with the file capability %s", place, survey.FileCapability),
			func() error { return placeBinary(m.Self, place) },
		})
	case at.UID != 0 || at.Mode != 0o755 || at.SetID:
		tasks = append(tasks, task{
			fmt.Sprintf("give %s to root, mode 755, with the file capability %s", place, survey.FileCapability),
			func() error { return secure(place) },
		})
	case !at.SysAdmin, at.AllOrNothing:
		tasks = append(tasks, task{
			fmt.Sprintf("give %s the file capability %s", place, survey.FileCapability),
			func() error { return secure(place) },
		})
	}
	if m.packaged() {
		return tasks, nil
	}
	link := m.command()
	const target = "../lib/" + binaryName + "/" + binaryName
	st, err = os.Lstat(link)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && st.Mode().Type() == fs.ModeSymlink:
		if to, _ := os.Readlink(link); to != target {
			tasks = append(tasks, task{"make the link " + link, func() error { return replaceLink(target, link) }})
		}
	case err != nil:
		return nil, err
	}
	return tasks, nil
}

// usable refuses a place from which a file capability would do nothing.
func usable(place string) error {
	for at := filepath.Dir(place); ; at = filepath.Dir(at) {
		var vfs unix.Statfs_t
		err := unix.Statfs(at, &vfs)
		switch {
		case errors.Is(err, unix.ENOENT) && at != "/":
			continue
		case err != nil:
			return &fs.PathError{Op: "statfs", Path: at, Err: err}
		case vfs.Flags&unix.ST_NOSUID != 0:
			return fmt.Errorf("%s is on a file system mounted nosuid, where a file capability counts for nothing: choose another place with --prefix DIR", at)
		case vfs.Flags&unix.ST_NOEXEC != 0:
			return fmt.Errorf("%s is on a file system mounted noexec: choose another place with --prefix DIR", at)
		case vfs.Flags&unix.ST_RDONLY != 0:
			return fmt.Errorf("%s is on a file system mounted read-only: choose another place with --prefix DIR", at)
		}
		return nil
	}
}

// Place makes place a copy of a binary, with the file capability. Whoever starts it meanwhile finds the old one or the new
// one, whole.
func Place(from, place string) error {
	if err := usable(place); err != nil {
		return err
	}
	return placeBinary(from, place)
}

// placeBinary copies from to place by way of a new file beside it.
func placeBinary(from, place string) (err error) {
	dir := filepath.Dir(place)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	fresh := filepath.Join(dir, "."+binaryName+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	err = errors.Join(err, out.Close())
	if err == nil {
		err = secure(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, place)
	}
	if err != nil {
		os.Remove(fresh)
		return err
	}
	return syncDir(dir)
}

// secure makes a file root's and gives it the capability. The order matters: a change of owner or content
// takes capabilities away (capabilities(7)).
func secure(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Chown(0, 0); err != nil {
		return err
	}
	if err := f.Chmod(0o755); err != nil {
		return err
	}
	if err := unix.Fsetxattr(int(f.Fd()), "security.capability", sysAdmin(), 0); err != nil {
		err := fmt.Errorf("cannot give %s the file capability %s: %w", path, survey.FileCapability, err)
		switch {
		case errors.Is(err, unix.EPERM):
			return fmt.Errorf("%w; it takes CAP_SETFCAP, which this container may lack: run it with --cap-add SETFCAP, or install while building the image", err)
		case errors.Is(err, unix.EOPNOTSUPP):
			return fmt.Errorf("%w; this file system keeps none: choose another place with --prefix DIR", err)
		}
		return err
	}
	return f.Sync()
}

// sysAdmin is survey.FileCapability as a struct vfs_cap_data of revision 2 (linux/capability.h). In a user
// namespace the kernel turns it into revision 3 (user_namespaces(7)).
func sysAdmin() []byte {
	const revision2, capSysAdmin = 0x02000000, 21
	data := make([]byte, 20)
	binary.LittleEndian.PutUint32(data, revision2)
	binary.LittleEndian.PutUint32(data[4:], 1<<capSysAdmin)
	return data
}
