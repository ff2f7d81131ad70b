package tree

import (
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Removal deletes trees without ever leaving the file system or mount they are in: a Worker may have left a mount in
// its _temp, and its contents are not ours to delete.
type Removal struct {
	// slots holds a token for each folder that may be emptied beside others. A nil channel means one
	// after the other.
	slots chan struct{}
	// deleted counts what is gone, for whoever watches.
	deleted *atomic.Int64

	mu     sync.Mutex
	failed int   // how many could not be deleted
	first  error // why the first could not
}

// NewRemoval returns one that empties so many folders at the same time; 0 means one after the other. deleted may be nil.
func NewRemoval(parallel int, deleted *atomic.Int64) *Removal {
	r := &Removal{deleted: deleted}
	if parallel > 1 {
		r.slots = make(chan struct{}, parallel-1)
	}
	return r
}

// Failures returns how many could not be deleted, and why the first could not.
func (r *Removal) Failures() (n int, first error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed, r.first
}

func (r *Removal) count() int { n, _ := r.Failures(); return n }

func (r *Removal) fail(op string, dir *os.File, name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed++; r.first == nil {
		r.first = &os.PathError{Op: op, Path: dir.Name() + "/" + name, Err: err}
	}
}

func (r *Removal) done() {
	if r.deleted != nil {
		r.deleted.Add(1)
	}
}

// Remove deletes name in dir, and everything in it.
func (r *Removal) Remove(dir *os.File, name string) {
	if !r.file(dir, name) {
		r.tree(dir, name)
	}
}

// file deletes name in dir, unless it is a folder: then it returns false.
func (r *Removal) file(dir *os.File, name string) bool {
	switch err := unix.Unlinkat(int(dir.Fd()), name, 0); err {
	case nil:
		r.done()
	case unix.ENOENT:
	case unix.EISDIR:
		return false
	case unix.EPERM: // POSIX's word for a folder; on Linux an immutable file, or another's in a sticky folder
		var st unix.Stat_t
		if unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			return false
		}
		fallthrough
	default:
		r.fail("unlink", dir, name, err)
	}
	return true
}

// tree deletes the folder name in dir.
func (r *Removal) tree(dir *os.File, name string) {
	if r.folder(dir, name) == nil {
		return
	}
	sub, err := descend(dir, name)
	if err != nil {
		if err != unix.ENOENT {
			r.fail("open", dir, name, err)
		}
		return
	}
	before := r.count()
	r.empty(sub)
	sub.Close()
	if err := r.folder(dir, name); err != nil && (err != unix.ENOTEMPTY || r.count() == before) {
		r.fail("rmdir", dir, name, err)
	}
}

// folder deletes an empty folder.
func (r *Removal) folder(dir *os.File, name string) error {
	err := unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR)
	switch err {
	case nil:
		r.done()
	case unix.ENOENT:
		return nil
	}
	return err
}

// empty deletes what is in dir. A folder that changes while it is read may not list every name, so it is
// read again as long as that helps.
func (r *Removal) empty(dir *os.File) {
	for {
		before, seen := r.count(), 0
		var beside sync.WaitGroup
		for {
			names, err := dir.Readdirnames(4096)
			for _, name := range names {
				if !r.file(dir, name) {
					r.spread(&beside, dir, name)
				}
			}
			seen += len(names)
			if err != nil || len(names) == 0 {
				break // io.EOF; any other error shows when the folder turns out not to be empty
			}
		}
		beside.Wait()
		if seen == 0 || r.count() > before {
			return
		}
		if _, err := dir.Seek(0, 0); err != nil {
			return
		}
	}
}

// spread deletes a folder beside others if a slot is free, and at once if none is.
func (r *Removal) spread(beside *sync.WaitGroup, dir *os.File, name string) {
	select {
	case r.slots <- struct{}{}:
		beside.Go(func() {
			r.tree(dir, name)
			<-r.slots
		})
	default:
		r.tree(dir, name)
	}
}

// descend opens a folder in dir for deleting what is in it, if it is on the same mount. A folder that its owner has
// closed to everybody is opened up. Requires Linux 5.6 (openat2).
func descend(dir *os.File, name string) (*os.File, error) {
	sub, err := beneath(dir, name, unix.O_RDONLY)
	if err == unix.EACCES {
		closed, err := beneath(dir, name, unix.O_PATH)
		if err != nil {
			return nil, err
		}
		defer closed.Close()
		if unix.Chmod(untrusted.Through(closed), 0o700) != nil {
			return nil, unix.EACCES
		}
		return beneath(dir, name, unix.O_RDONLY)
	}
	if err != nil {
		return nil, err
	}
	if unix.Faccessat(int(sub.Fd()), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) != nil {
		_ = unix.Fchmod(int(sub.Fd()), 0o700) // if that is refused, the deletions say why
	}
	return sub, nil
}

// beneath opens the folder name in dir. It does not cross into another mount (EXDEV) or follow a
// symbolic link.
func beneath(dir *os.File, name string, flags uint64) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_XDEV | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_BENEATH,
	}
	for {
		fd, err := unix.Openat2(int(dir.Fd()), name, &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), dir.Name()+"/"+name), nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: a rename somewhere while the path was walked
		default:
			return nil, err
		}
	}
}
