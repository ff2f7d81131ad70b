package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/place"
	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Relay lays a private folder over _temp again, in the mount namespace that it is started in. It is a Worker's, whose
// keeper starts it (see [early.Guard]). The folder there, or the one that a link leads to, is judged as at a start. A
// _temp that is missing is made.
//
// Nobody else may start it: it would mount in a namespace that others see. The keeper has made CAP_SYS_ADMIN
// inheritable, which only a process that has it can do (capabilities(7)). Root's could not if a seccomp filter ends whoever
// calls capset(2); but then whoever started this is root and has it.
func Relay() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	err := unix.Capget(&header, &data[0])
	if os.Getuid() == 0 {
		data[0].Inheritable |= data[0].Effective
	}
	if err != nil || data[0].Inheritable&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return errors.New("it is started by worker-wrap only")
	}
	work, private := os.NewFile(early.RelayWork, "the work folder"), os.NewFile(early.RelayPrivate, "the private folder")
	c := place.Caller(os.Getuid())
	temp, err := c.OpenTemp(work, "_temp")
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeTemp(c, work, private); err != nil {
			return err
		}
		temp, err = c.OpenTemp(work, "_temp")
	}
	if err != nil {
		return err
	}
	for _, rule := range []error{c.MustOwn(private), c.MustOwn(temp), c.MustFill(temp)} {
		if rule != nil {
			return rule
		}
	}
	return nsenter.WithSysAdmin(func() error {
		_, err := mounts.Bind(0, mounts.Mount{Source: private, Target: temp, Parent: work})
		return err
	})
}

// makeTemp makes a _temp of the owner and mode of the private folder, which has those of the one before.
func makeTemp(c place.Caller, work, private *os.File) error {
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
	if err := unix.Fstat(int(made.Fd()), &is); err != nil || int(is.Uid) != int(c) {
		return fmt.Errorf("_temp was exchanged just after it was made (%v)", err)
	}
	if c == 0 && (is.Uid != st.Uid || is.Gid != st.Gid) && nsenter.MayChown() {
		if err := unix.Fchown(int(made.Fd()), int(st.Uid), int(st.Gid)); err != nil {
			return os.NewSyscallError("fchown", err)
		}
	}
	return os.NewSyscallError("fchmod", unix.Fchmod(int(made.Fd()), st.Mode&0o777))
}
