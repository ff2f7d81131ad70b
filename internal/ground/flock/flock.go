// Package flock locks open files and folders by flock(2), and waits for a lock no longer than it is told to.
//
// To turn an exclusive lock into a shared one is a single step if the kernel itself keeps the locks: it changes them
// under one spin lock (flock_lock_inode in fs/locks.c). File systems that keep them elsewhere, as GFS2 and Ceph, may
// unlock first, as flock(2) warns: then another can have the lock, or have had it. So whoever must be sure that nobody
// was in between holds a second one exclusively meanwhile, which everybody who wants the first wants too.
package flock

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrTaken is what the error of [Lock] wraps if somebody else has the file locked.
var ErrTaken = errors.New("another process has it locked")

// Lock takes a lock on f: how is [unix.LOCK_EX] or [unix.LOCK_SH]. It is the lock of f's open file description, so
// it lives until f and every copy of f in other processes is closed. A lock that f has is turned into the other
// kind; if that fails it is lost.
//
// If the lock does not come within the time given, a thread stays in the call until it does, and then lets go of it.
// The thread also ends with the process, or if that becomes another program. f may be closed meanwhile.
func Lock(f *os.File, how int, patience time.Duration) error {
	err := try(int(f.Fd()), how|unix.LOCK_NB)
	if err != unix.EWOULDBLOCK {
		return named(f, err)
	}
	if patience <= 0 {
		return named(f, ErrTaken)
	}
	again, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0) // the same lock, and not closed under the call
	if err != nil {
		return named(f, err)
	}
	got := make(chan error, 1)
	go func() {
		defer unix.Close(again)
		got <- try(again, how)
	}()
	select {
	case err := <-got:
		return named(f, err)
	case <-time.After(patience):
		return named(f, ErrTaken)
	}
}

func try(fd, how int) error {
	for {
		if err := unix.Flock(fd, how); err != unix.EINTR {
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
