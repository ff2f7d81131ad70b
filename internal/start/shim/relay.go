package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// guard leaves a keeper that lays the per-PID folder again if whoever is in the plain _temp removes that. Without one
// the Worker is as safe as its neighbours' hooks are careful, which is no reason not to start it.
func (r *run) guard(work, private *os.File) {
	if r.guarded {
		return
	}
	unlocked := perpid.Lock(private) // the keeper has the lock, too
	if err := early.Guard(r.worker(work), private); err != nil {
		r.log.debugf("nothing lays %s again if _temp is removed: %v", r.host, err)
		return
	}
	r.guarded = true
	if unlocked == nil {
		unlocked = perpid.Vouch(r.self, private)
	}
	if unlocked != nil {
		r.log.debugf("nothing tells another container that %s is in use: %v", r.host, unlocked)
	}
}

// worker says for whom a keeper is left.
func (r *run) worker(work *os.File) early.Worker {
	return early.Worker{Self: r.self, Begun: r.timing.begun, Root: r.Root, Work: work}
}

// Relay lays a per-PID folder over _temp again, in the mount namespace that it is started in: that of a Worker, by its
// keeper (see [early.Guard]). What is there, or where a link leads, is judged as at a start. A _temp that is missing is
// made.
//
// Nobody else may start it: it would mount in a namespace that others see. The keeper has made CAP_SYS_ADMIN
// inheritable, which only a process that has it can do (capabilities(7)).
func Relay() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil || data[0].Inheritable&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return errors.New("it is started by worker-wrap only")
	}
	work, private := os.NewFile(early.RelayWork, "the work folder"), os.NewFile(early.RelayPrivate, "the per-PID folder")
	r := &run{uid: os.Getuid()}
	temp, err := r.openTemp(work, "_temp")
	if errors.Is(err, fs.ErrNotExist) {
		if err := r.makeTemp(work, private); err != nil {
			return err
		}
		temp, err = r.openTemp(work, "_temp")
	}
	if err != nil {
		return err
	}
	for _, rule := range []error{r.mine(private), r.mine(temp), r.fillable(temp)} {
		if rule != nil {
			return rule
		}
	}
	return nsenter.WithSysAdmin(func() error {
		_, err := mounts.Bind(0, mounts.Mount{Source: private, Target: temp, Parent: work})
		return err
	})
}

// makeTemp makes a _temp of the owner and mode of the per-PID folder, which has those of the one before.
func (r *run) makeTemp(work, private *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(private.Fd()), &st); err != nil {
		return err
	}
	err := unix.Mkdirat(int(work.Fd()), "_temp", 0o700)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	if err != nil {
		return &fs.PathError{Op: "mkdir", Path: filepath.Join(work.Name(), "_temp"), Err: err}
	}
	made, err := untrusted.At(work, "_temp", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer made.Close()
	var is unix.Stat_t
	if err := unix.Fstat(int(made.Fd()), &is); err != nil || int(is.Uid) != r.uid {
		return fmt.Errorf("_temp was exchanged just after it was made (%v)", err)
	}
	if r.uid == 0 {
		if err := unix.Fchown(int(made.Fd()), int(st.Uid), int(st.Gid)); err != nil {
			return os.NewSyscallError("fchown", err)
		}
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(int(made.Fd()), st.Mode&0o777))
}
