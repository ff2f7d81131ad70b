package shim

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// backing returns what is laid over _temp: the per-PID folder or a tmpfs. With a tmpfs the folder stays
// empty; it tells whose the start is, and what the tmpfs is to be like.
func (r *run) backing(fresh, temp *os.File) (mounts.Mount, error) {
	if r.Settings.Policy.Backing != policy.Tmpfs {
		return mounts.Mount{Source: fresh, Target: temp}, nil
	}
	var like unix.Stat_t
	if err := unix.Fstat(int(fresh.Fd()), &like); err != nil {
		return mounts.Mount{}, err
	}
	tmpfs := &mounts.Tmpfs{Size: r.Settings.Policy.Size, UID: int(like.Uid), GID: int(like.Gid), Mode: like.Mode & 0o7777}
	if r.inner != nil {
		tmpfs.UID, tmpfs.GID = os.Geteuid(), os.Getegid() // no others are known in its user namespace
	}
	// Access lists too. By its path, later, it might be another folder that gets them: whoever owns the folder above
	// can have it lead elsewhere. Where the kernel's newer calls are denied it has none.
	tmpfs.Prepare = func(root *os.File) error { return perpid.Liken(root, temp) }
	return mounts.Mount{Tmpfs: tmpfs, Target: temp}, nil
}
