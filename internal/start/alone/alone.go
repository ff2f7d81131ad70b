// Package alone locks the folders that Workers in the plain _temp have in common. So of any number of them at most one
// believes that it is alone.
//
// The locks are flock(2)'s, on the folders themselves: nothing is written, so they work on a read-only file system too;
// the kernel lets go of them at the end of whoever holds them, so none is ever stale; and they hold between PID
// namespaces, containers that share a volume, and runners that share a work folder. A start locks exclusively while it
// looks whether it is alone. Then it turns that into shared locks, which a keeper holds as long as the Worker lives.
package alone

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
)

// Places are the folders to lock; an empty path is none. Root still holds if the work folder is removed and made anew
// under a living Worker; Temp if _temp is a link, or two work folders have one _temp.
type Places struct{ Root, Work, Temp string }

// Locks are what a start holds.
type Locks struct {
	Files []*os.File
	// Sure is true if a folder is among them that every other Worker in the same _temp locks too.
	Sure bool
}

// Take locks exclusively each of these that exists and can be locked. It fails with [perpid.ErrClaimed], wrapped, if
// another process has one of them locked for as long as patience. What cannot be opened or locked is
// left out. Of a lock on a folder of NFS or FUSE other machines see nothing: nfs_dir_operations and fuse_dir_operations
// have no flock.
func Take(p Places, patience time.Duration) (*Locks, error) {
	return take(p, unix.LOCK_EX, time.Now().Add(patience), true)
}

// Join takes shared locks, of those that it can get in time, for a Worker that does not care whether it is alone.
func Join(p Places, patience time.Duration) *Locks {
	l, _ := take(p, unix.LOCK_SH, time.Now().Add(patience), false)
	return l
}

func take(p Places, how int, until time.Time, all bool) (*Locks, error) {
	l := &Locks{}
	for _, path := range []string{p.Root, p.Work, p.Temp} {
		if path == "" {
			continue
		}
		f, err := untrusted.At(nil, path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
		if err != nil {
			continue
		}
		has := l.has(f)
		if !has {
			err = flock.Lock(f, how, time.Until(until))
		}
		if err == nil && !has {
			l.Files = append(l.Files, f)
		} else {
			f.Close()
		}
		l.Sure = l.Sure || err == nil && path != p.Root
		if all && errors.Is(err, flock.ErrTaken) {
			l.Close()
			return nil, fmt.Errorf("%w: %w", perpid.ErrClaimed, err)
		}
	}
	return l, nil
}

// has reports whether a folder is locked already: a work folder may be the root, and _temp a link to either. By another
// open file description this process would keep itself out.
func (l *Locks) has(f *os.File) bool {
	return slices.ContainsFunc(l.Files, func(locked *os.File) bool {
		same, err := place.Same(locked, f)
		return err == nil && same
	})
}

// Share turns the locks into shared ones, one after the other: nobody else gets all of them meanwhile, whatever the file
// system (see package flock). If another got one of them it fails as [Take] does, and the locks are good for nothing but
// to be closed.
func (l *Locks) Share() error {
	for _, f := range l.Files {
		if err := flock.Lock(f, unix.LOCK_SH, 0); err != nil {
			return fmt.Errorf("%w: %w", perpid.ErrClaimed, err)
		}
	}
	return nil
}

// Close closes the files. What another process has been given stays locked.
func (l *Locks) Close() {
	for _, f := range l.Files {
		f.Close()
	}
	l.Files = nil
}
