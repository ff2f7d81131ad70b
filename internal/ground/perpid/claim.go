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
)

// ClaimName is the file in a store that names the owner that uses the real _temp, or did.
const ClaimName = "real"

// ErrClaimed is what the errors of [Store.Claim] wrap where another owner stands in the way.
var ErrClaimed = errors.New("the real _temp may be in use")

// Claim makes j.Self the one that uses the real _temp, and fails if any other owner in this store may be
// alive: the holder of the claim, or one with a folder here. alone is asked last, for what the store
// cannot know.
//
// The holder is named in the file, so nothing must be held open, and a holder that has crashed is as dead
// as one that ended. A lock on the file is held only while it is read and written (flock(2)), so two
// owners never both succeed. One that cannot get the lock within the time given has failed: somebody
// else is about to.
func (s *Store) Claim(j *Judge, patience time.Duration, alone func() error) error {
	f, err := s.openClaim()
	if err != nil {
		return err
	}
	defer f.Close()
	if err := lock(f, patience); err != nil {
		return err
	}
	if err := s.holder(f, j); err != nil {
		return err
	}
	entries, err := s.List(j)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Owner != j.Self && e.What == "" && e.Verdict != Dead {
			return fmt.Errorf("%w: %s belongs to process %d, which %s", ErrClaimed, e.Path, e.Owner.PID, perhaps(e.Verdict))
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
func (s *Store) holder(f *os.File, j *Judge) error {
	buf := make([]byte, 256)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	o, ok := parseClaim(string(buf[:n]))
	if !ok || o == j.Self {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if v := j.Verdict(o, info.ModTime()); v != Dead {
		return fmt.Errorf("%w: %s names process %d, which %s", ErrClaimed, f.Name(), o.PID, perhaps(v))
	}
	return nil
}

// parseClaim reads what a holder has written; half of that is nobody's.
func parseClaim(text string) (Owner, bool) {
	name := strings.TrimSuffix(text, "\n")
	o, _, ok := Parse(name)
	return o, ok && o.String() == name
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
		case made:
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

// lock takes the lock on f, which is f's own until it is closed. Where it does not come in time, a thread
// stays in the call until it does or the process ends or becomes another program, and lets go of it then.
func lock(f *os.File, patience time.Duration) error {
	if try := flock(f, unix.LOCK_EX|unix.LOCK_NB); try != unix.EWOULDBLOCK {
		return named(f, try)
	}
	again, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0) // the same lock, and not closed under the call
	if err != nil {
		return named(f, err)
	}
	got := make(chan error, 1)
	go func() {
		defer unix.Close(again)
		for {
			if err := unix.Flock(again, unix.LOCK_EX); err != unix.EINTR {
				got <- err
				return
			}
		}
	}()
	select {
	case err := <-got:
		return named(f, err)
	case <-time.After(patience):
		return fmt.Errorf("%w: another Worker has had %s locked for %v", ErrClaimed, f.Name(), patience)
	}
}

func flock(f *os.File, how int) error {
	for {
		if err := unix.Flock(int(f.Fd()), how); err != unix.EINTR {
			return err
		}
	}
}

func named(f *os.File, err error) error {
	if err != nil {
		return &fs.PathError{Op: "lock", Path: f.Name(), Err: err}
	}
	return nil
}
