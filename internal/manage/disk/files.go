package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Same compares two files; one that is missing is not the same.
func Same(a, b string) (bool, error) {
	x, err := untrusted.Open(a)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := untrusted.Open(b)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer y.Close()
	const chunk = 64 << 10
	p, q := make([]byte, chunk), make([]byte, chunk)
	for {
		n, xerr := io.ReadFull(x, p)
		m, yerr := io.ReadFull(y, q)
		if n != m || !bytes.Equal(p[:n], q[:m]) {
			return false, nil
		}
		if xerr != nil || yerr != nil {
			return errors.Is(xerr, io.EOF) == errors.Is(yerr, io.EOF), nil
		}
	}
}

// ReplaceLink makes path a link to target, whatever it was.
func ReplaceLink(target, path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fresh := filepath.Join(dir, "."+filepath.Base(path)+".new")
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(target, fresh); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return SyncPath(dir)
}

// Write makes path hold text, whole at every moment, and makes the folders above it.
func Write(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return Replace(path, text)
}

// Replace makes path hold text, whole at every moment. A file that is there keeps its mode, and of root's also its owner.
// A link, or whatever else is no regular file, is somebody's, and an error.
func Replace(path, text string) error {
	mode, uid, gid := fs.FileMode(0o644), -1, -1
	st, err := regular(path)
	switch {
	case err == nil:
		mode = st.Mode().Perm()
		if os.Geteuid() == 0 {
			uid, gid = Owner(st)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil { // it names the file that is made first
		return fmt.Errorf("cannot write %s: %w", path, errors.Unwrap(err))
	}
	_, err = io.WriteString(f, text)
	err = errors.Join(err, f.Chown(uid, gid), f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return SyncPath(dir)
}

// Remove removes a file, if it is there, and then the folder that it was in, if nothing else is. To a link it says the same
// as Replace.
func Remove(path string) error {
	_, err := regular(path)
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	RemoveEmpty(filepath.Dir(path))
	return nil
}

// RemoveEmpty removes a folder in which nothing is. A link to one is somebody's, and stays.
func RemoveEmpty(dir string) { _ = unix.Rmdir(dir) }

func regular(path string) (fs.FileInfo, error) {
	st, err := os.Lstat(path)
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file, and is left as it is: change by hand what it leads to, or put a file there", path)
	}
	return st, err
}

func SyncPath(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return Sync(f)
}

// Sync has a folder's entries be on disk, if its file system does that for folders.
func Sync(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// Make makes a file in a folder, whose owner it then has.
func Make(r *os.Root, name, text string, mode os.FileMode) error {
	dir, err := r.Stat(".")
	if err != nil {
		return err
	}
	// A process that is forked meanwhile would have it open for writing, and it could not be started (ETXTBSY).
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := r.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if uid, gid := Owner(dir); err == nil && os.Geteuid() == 0 {
		// The folder's owner may unpack a release over it: not every program removes a file that it may not write.
		// By the descriptor: the name is by now whatever that owner puts there.
		err = f.Chown(uid, gid)
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// Owner returns whose a file is, -1 if that is not known.
func Owner(st fs.FileInfo) (uid, gid int) {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid), int(sys.Gid)
	}
	return -1, -1
}
