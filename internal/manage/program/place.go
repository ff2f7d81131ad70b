package program

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Name is the base name of the program.
const Name = "worker-wrap"

// Usable refuses a place from which a file capability would do nothing.
func Usable(place string) error {
	for at := filepath.Dir(place); ; at = filepath.Dir(at) {
		var vfs unix.Statfs_t
		err := unix.Statfs(at, &vfs)
		switch {
		case errors.Is(err, unix.ENOENT) && at != "/":
			continue
		case err != nil:
			return &fs.PathError{Op: "statfs", Path: at, Err: err}
		case vfs.Flags&unix.ST_NOSUID != 0:
			return fmt.Errorf("%s is on a file system mounted nosuid, so a file capability counts for nothing there: choose another place with --prefix DIR", at)
		case vfs.Flags&unix.ST_NOEXEC != 0:
			return fmt.Errorf("%s is on a file system mounted noexec: choose another place with --prefix DIR", at)
		case vfs.Flags&unix.ST_RDONLY != 0:
			return fmt.Errorf("%s is on a file system mounted read-only: choose another place with --prefix DIR", at)
		}
		return nil
	}
}

// Place makes place a copy of a binary, with the file capability, by way of a new file beside it. Whoever starts it
// meanwhile finds the old one or the new one, whole.
func Place(from, place string) (err error) {
	if err := Usable(place); err != nil {
		return err
	}
	dir := filepath.Dir(place)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	fresh := filepath.Join(dir, "."+Name+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = fill(fresh, in)
	if err == nil {
		err = Secure(fresh)
	}
	if err == nil {
		err = os.Rename(fresh, place)
	}
	if err != nil {
		os.Remove(fresh)
		return err
	}
	return disk.SyncPath(dir)
}

// fill makes a file. Nothing is forked meanwhile: a child would have the file open for writing until its own execve, and
// until then nobody could start what is placed (ETXTBSY, execve(2)).
func fill(path string, from io.Reader) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	out, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Close())
}

// Secure makes a file root's and gives it the capability. The order matters: a change of owner or content
// takes capabilities away (capabilities(7)).
func Secure(path string) error {
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
		err := fmt.Errorf("cannot give %s the file capability %s: %w", path, FileCapability, err)
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

// sysAdmin is FileCapability as a struct vfs_cap_data of revision 2 (linux/capability.h). In a user
// namespace the kernel turns it into revision 3 (user_namespaces(7)).
func sysAdmin() []byte {
	const revision2 = 0x02000000
	data := make([]byte, 20)
	binary.LittleEndian.PutUint32(data, revision2)
	binary.LittleEndian.PutUint32(data[4:], uint32(SysAdmin))
	return data
}
