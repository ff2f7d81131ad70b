package perpid

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// ClaimName is the file in a store that names the owner that uses the plain _temp, or did.
const ClaimName = "real"

// ErrClaimed is what the errors of [Store.Claim] wrap if another owner stands in the way.
var ErrClaimed = errors.New("the plain _temp may be in use")

// longestJob is the longest that the service lets a job of a self-hosted runner run: five days.
const longestJob = 5 * 24 * time.Hour

// Terms say what a [Store.Claim] goes by.
type Terms struct {
	// Patience is how long to wait for another owner that reads or writes the claim.
	Patience time.Duration
	// Folders makes another living owner's folder in the store stand in the way too.
	Folders bool
	// Locked is true if the caller holds what a holder leaves locked as long as it lives, see keep in [Store.Claim].
	Locked bool
}

// Claim makes j.Self the one that uses the plain _temp, and fails if the holder of the claim may be alive. alone is
// asked last, for what the store cannot know.
//
// The file names the holder, so nothing must be held open. A holder that has crashed is as dead as one that ended. A
// lock on the file is held only while it is read and written (flock(2)), so two owners never both succeed. One that
// cannot get the lock within the time given has failed: somebody else is about to.
//
// keep is called when the claim stands. If it returns true, the holder leaves something locked that the kernel
// unlocks at its end, and the file says so: a claim without a newline, which versions without such locks read alike. If
// it fails the claim is given up.
func (s *Store) Claim(j *Judge, t Terms, alone func() error, keep func() (bool, error)) error {
	f, err := s.openClaim()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := flock.Lock(f, unix.LOCK_EX, t.Patience); errors.Is(err, flock.ErrTaken) {
		return fmt.Errorf("%w: another Worker has had %s locked for %v", ErrClaimed, f.Name(), t.Patience)
	} else if err != nil {
		return err
	}
	if err := holder(f, j, t.Locked); err != nil {
		return err
	}
	if t.Folders {
		if err := s.Vacant(j); err != nil {
			return err
		}
	}
	if err := alone(); err != nil {
		return err
	}
	name := []byte(j.Self.String() + "\n")
	if err := f.Truncate(0); err != nil {
		return err
	}
	if _, err := f.WriteAt(name, 0); err != nil {
		_ = f.Truncate(0) // half a name is nobody's
		return err
	}
	kept, err := keep()
	switch {
	case err != nil:
		_ = f.Truncate(0)
	case kept:
		_ = f.Truncate(int64(len(name) - 1)) // else the claim is believed longer than it must be
	}
	return err
}

// Holder fails if the claim names an owner that may be alive, as [Store.Claim] does for a caller that has locked
// nothing.
func (s *Store) Holder(j *Judge) error {
	f, err := s.openClaim()
	if err != nil {
		return err
	}
	defer f.Close()
	return holder(f, j, false)
}

// Claimant returns the owner that the claim names, if that is surely alive. It changes nothing.
func (s *Store) Claimant(j *Judge) (o Owner, ok bool) {
	f, err := untrusted.At(s.dir, ClaimName, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return o, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return o, false
	}
	buf := make([]byte, 256)
	n, _ := f.ReadAt(buf, 0)
	o, _, ok = parseClaim(string(buf[:n]))
	return o, ok && j.Verdict(o, info.ModTime()) == Living
}

// Vacant fails if another owner of a folder in the store may be alive.
func (s *Store) Vacant(j *Judge) error {
	entries, err := s.List(j)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Owner != j.Self && e.What == "" && e.Verdict != Dead {
			return fmt.Errorf("%w: %s belongs to process %d, which %s", ErrClaimed, e.Path, e.Owner.PID, perhaps(e.Verdict))
		}
	}
	return nil
}

func perhaps(v Verdict) string {
	if v == Living {
		return "is alive"
	}
	return "may be alive in another PID namespace (remove it if that container is gone)"
}

// holder fails if the claim names an owner that may be alive. A file that names none is free: its writer
// held the lock that the caller has now, so it has ended, or could not write.
//
// An owner that cannot be judged has ended if the caller could lock what it would keep locked, or if no job lasts that
// long. So the claim of a container that is gone stands in nobody's way for ever.
func holder(f *os.File, j *Judge, locked bool) error {
	buf := make([]byte, 256)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	o, kept, ok := parseClaim(string(buf[:n]))
	if !ok || o == j.Self {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	v := j.Verdict(o, info.ModTime())
	if v == Dead || v == Unknown && (kept && locked || time.Since(info.ModTime()) > longestJob) {
		return nil
	}
	return fmt.Errorf("%w: %s names process %d, which %s", ErrClaimed, f.Name(), o.PID, perhaps(v))
}

// parseClaim reads what a holder has written; half of that is nobody's. kept is true if the holder keeps something
// locked, see [Store.Claim].
func parseClaim(text string) (o Owner, kept, ok bool) {
	name := strings.TrimSuffix(text, "\n")
	o, _, ok = Parse(name)
	return o, name == text, ok && o.String() == name
}

// openClaim opens or makes the file. One that root makes it gives to the store's owner, whose own starts need it; and
// root touches no other's, which that owner may have put there.
func (s *Store) openClaim() (*os.File, error) {
	path := filepath.Join(s.path, ClaimName)
	const flags = unix.O_RDWR | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
	fd, err := unix.Openat(s.fd(), ClaimName, flags|unix.O_CREAT|unix.O_EXCL, 0o600)
	made := err == nil
	if err == unix.EEXIST {
		fd, err = unix.Openat(s.fd(), ClaimName, flags, 0)
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	var st, store unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && (st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink != 1) {
		err = errors.New("not a regular file with a single name; remove it")
	}
	if err == nil {
		err = unix.Fstat(s.fd(), &store)
	}
	if err == nil && unix.Geteuid() == 0 {
		switch {
		case made && (st.Uid != store.Uid || st.Gid != store.Gid):
			err = unix.Fchown(fd, int(store.Uid), int(store.Gid))
		case st.Uid != store.Uid:
			err = fmt.Errorf("belongs to uid %d, and the folder it is in to uid %d; remove it", st.Uid, store.Uid)
		}
	}
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}
