package install

import (
	"errors"
	"os"
	"syscall"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// makeEntry makes what starts the worker-wrap at place as a Worker: a script, see [runner.Entry], or where the kernel
// could not start such a script a link.
func makeEntry(r *os.Root, name, place string) error {
	text, ok := runner.Entry(place)
	if !ok {
		return r.Symlink(place, name)
	}
	return makeFile(r, name, text, 0o755)
}

// makeFile makes a file in a folder, whose owner it then has.
func makeFile(r *os.Root, name, text string, mode os.FileMode) error {
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
	if uid, gid := ownerOf(dir); err == nil && os.Geteuid() == 0 {
		// The folder's owner may unpack a release over it: not every program removes a file that it may not write.
		// By the descriptor: the name is by now whatever that owner puts there.
		err = f.Chown(uid, gid)
	}
	if err == nil {
		err = f.Chmod(mode)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
