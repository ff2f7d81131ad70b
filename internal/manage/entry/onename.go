package entry

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// oneName reports whether link(2) was refused since a file is to have no other name. It is another user's and the
// sysctl fs.protected_hardlinks is 1 (proc_sys_fs(5)), or the file system has no hard links, or the file is immutable.
func oneName(err error) bool { return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) }

// swap exchanges the file in the Worker's place for an entry of the worker-wrap at place. The entry waits by the name by
// which the file is then kept, and they change places at one moment: a run that is cut short is [Half]. The file has one
// name, so it is not Runner.Worker.real. refused is why it can have no more.
//
// Requires a file system with RENAME_EXCHANGE (renameat2(2), Linux 3.15; not NFS, for one).
func (p *planner) swap(r *os.Root, place string, refused error) error {
	const worker, real, kept = runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName
	if p.realGoes(p.Kind()) { // of an older Worker; first, see [planner.keep]
		if err := r.Remove(real); err != nil {
			return err
		}
	}
	if err := makeEntry(r, newEntry, place); err != nil {
		return err
	}
	if err := r.Rename(newEntry, kept); err != nil {
		return err
	}
	dir, err := r.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Renameat2(int(dir.Fd()), worker, int(dir.Fd()), kept, unix.RENAME_EXCHANGE); err != nil {
		_ = r.Remove(kept)
		return fmt.Errorf("%w; renameat2 %s %s: %w", refused, worker, kept, err)
	}
	return nil
}

// FixedError says which file nobody can rename.
type FixedError struct{ Path string }

func (e *FixedError) Error() string {
	path := visible.Word(e.Path)
	return fmt.Sprintf("%s is immutable or append-only (lsattr -d %s): sudo chattr -ia %s, then run this again", path, path, path)
}

// OwnerError says whose a file is that the caller may not change.
type OwnerError struct {
	Path string
	UID  uint32
}

func (e *OwnerError) Error() string {
	return fmt.Sprintf("%s is of UID %d", visible.Word(e.Path), e.UID)
}

// because adds to what the kernel has not permitted in a folder why that is so, if it can be told: a [FixedError], or an
// [OwnerError].
func because(folder *os.File, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	var whose error
	for _, name := range []string{"", runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName} {
		var st unix.Statx_t
		path := filepath.Join(folder.Name(), name)
		if unix.Statx(int(folder.Fd()), name, unix.AT_EMPTY_PATH|unix.AT_SYMLINK_NOFOLLOW, unix.STATX_UID, &st) != nil {
			continue
		}
		if st.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0 {
			return fmt.Errorf("%w: %w", err, &FixedError{path})
		}
		if euid := os.Geteuid(); whose == nil && euid != 0 && int(st.Uid) != euid {
			whose = &OwnerError{path, st.Uid}
		}
	}
	if whose != nil {
		return fmt.Errorf("%w: %w", err, whose)
	}
	return err
}
