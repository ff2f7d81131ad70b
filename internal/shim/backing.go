package shim

import (
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/policy"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// backing returns what is laid over _temp: the per-PID folder or a tmpfs. With a tmpfs the folder stays
// empty; it tells whose the start is, and nothing more.
func (r *run) backing(fresh, temp *os.File) mounts.Mount {
	if r.Settings.Policy.Backing == policy.Tmpfs {
		return mounts.Mount{Tmpfs: &mounts.Tmpfs{Size: r.Settings.Policy.Size}, Target: temp}
	}
	return mounts.Mount{Source: fresh, Target: temp}
}

// likenTmpfs gives a tmpfs, now that it can be reached by its path, what the folder it covers has.
func (r *run) likenTmpfs(temp *os.File) error {
	if r.Settings.Policy.Backing != policy.Tmpfs {
		return nil
	}
	dir, err := openAt(nil, r.Temp, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer dir.Close()
	return perpid.Liken(dir, temp)
}
