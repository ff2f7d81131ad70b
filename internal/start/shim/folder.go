package shim

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// folder is a private folder, open in the view that it was made or found in.
type folder struct {
	dir  *os.File
	from maker
	// below is the folder of another Worker's that is covered, locked; nil if it is not one: see [perpid.LockCovered].
	below *os.File
}

// maker says who has made a folder.
type maker int

const (
	// fresh: this start.
	fresh maker = iota
	// mounted: this process at an earlier start, which has laid it over _temp and then became worker-wrap once more. An
	// install can put that in the Worker's place just before it is started.
	mounted
	// handed: the supervisor, outside this user namespace, which can set other users as owners and in access lists.
	handed
)

func (f folder) path() string { return f.dir.Name() }

func (f folder) close() { place.CloseAll(f.dir, f.below) }

// discard removes the folder of a start that came to nothing. If that cannot be, a later start does it.
func (f folder) discard() {
	if f.from == fresh {
		_ = os.Remove(f.path())
	}
}

// makeFolder makes the private folder of an owner: this process, or the child that it waits for.
func (s *start) makeFolder(p place.Places, owner perpid.Owner) (folder, error) {
	store, err := place.Store(p.Home, p.Temp)
	if err != nil {
		return folder{}, err
	}
	defer store.Close()
	if dir := store.InPlace(owner, p.Temp); dir != nil {
		return s.owned(dir, mounted)
	}
	below, err := perpid.LockCovered(p.Temp)
	if errors.Is(err, fs.ErrNotExist) {
		return folder{}, err
	}
	if err != nil {
		s.Journal.Debugf("nothing keeps the _temp that is covered from being swept: %v", err)
	}
	dir, err := store.Create(owner, p.Temp)
	if err != nil {
		place.CloseAll(below)
		return folder{}, err
	}
	f, err := s.owned(dir, fresh)
	f.below = below
	return f, err
}

// findFolder opens a folder of this process's by its name: a supervisor has made it, or this start in the host's view.
func (s *start) findFolder(p place.Places, name string, from maker) (folder, error) {
	store, err := perpid.OpenIn(p.Home)
	if err != nil {
		return folder{}, err
	}
	defer store.Close()
	dir, err := store.Folder(s.Self, name)
	if err != nil {
		return folder{}, err
	}
	return s.owned(dir, from)
}

// owned returns the folder if the caller may mount it.
func (s *start) owned(dir *os.File, from maker) (folder, error) {
	if err := s.Caller.MustOwn(dir); err != nil {
		dir.Close()
		return folder{}, err
	}
	return folder{dir: dir, from: from}, nil
}

// backing returns what is laid over _temp: the private folder or a tmpfs. With a tmpfs the folder stays
// empty; it tells whose the start is, and what the tmpfs is to be like.
func (f folder) backing(temp *os.File, chosen policy.Settings) (mounts.Mount, error) {
	if chosen.Backing != policy.Tmpfs {
		return mounts.Mount{Source: f.dir, Target: temp}, nil
	}
	var like unix.Stat_t
	if err := unix.Fstat(int(f.dir.Fd()), &like); err != nil {
		return mounts.Mount{}, err
	}
	tmpfs := &mounts.Tmpfs{Size: chosen.Size, UID: int(like.Uid), GID: int(like.Gid), Mode: like.Mode & 0o7777}
	if f.from == handed {
		tmpfs.UID, tmpfs.GID = os.Geteuid(), os.Getegid() // no others are known in this user namespace
	}
	// Access lists too. By its path, later, it might be another folder that gets them: whoever owns the folder above
	// can have it lead elsewhere. If the kernel's newer calls are denied it has none.
	tmpfs.Prepare = func(root *os.File) error {
		like, err := temp.Stat()
		if err != nil {
			return err
		}
		return tree.Liken(root, temp, like)
	}
	return mounts.Mount{Tmpfs: tmpfs, Target: temp}, nil
}
