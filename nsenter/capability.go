package nsenter

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// WithSysAdmin calls do with CAP_SYS_ADMIN in the calling thread's effective set, if the permitted set has it, and
// takes it out again when do returns. A thread that has it already keeps it, and without it do is called all
// the same: what it tries then fails with EPERM.
//
// So a file capability need not be an effective one (capabilities(7)): the kernel refuses to run a file with one
// that the bounding set lacks.
func WithSysAdmin(do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	const bit = 1 << unix.CAP_SYS_ADMIN
	if err := unix.Capget(&header, &had[0]); err != nil || had[0].Effective&bit != 0 || had[0].Permitted&bit == 0 {
		return do()
	}
	raised := had
	raised[0].Effective |= bit
	if err := unix.Capset(&header, &raised[0]); err != nil {
		return os.NewSyscallError("capset", err)
	}
	// The kernel never refuses a thread to give something up.
	defer func() { _ = unix.Capset(&header, &had[0]) }()
	return do()
}

// DropCapabilities gives up every capability in all threads, in all sets, unless the user is root. Programs that are
// started afterwards may gain some again, as sudo does.
//
// The user's own processes may then look into this one again (PR_SET_DUMPABLE): a file capability that was gained
// had prevented that for good, though nothing is left that they could take.
//
// In a program that uses cgo [syscall.AllThreadsSyscall] does not work, and it fails if there is anything to give up. It
// also fails if [MayDrop] does.
func DropCapabilities() error {
	if unix.Geteuid() == 0 {
		return nil
	}
	if !Powerless() {
		if err := MayDrop(); err != nil {
			return err
		}
		c := giveUp()
		err := InAllThreads(func() error {
			if _, _, errno := syscall.AllThreadsSyscall(c.Number, c.Args[0], c.Args[1], 0); errno != 0 {
				return os.NewSyscallError("capset", errno)
			}
			return nil
		})
		if err != nil {
			return WithoutCgo(err)
		}
	}
	return os.NewSyscallError("prctl(PR_SET_DUMPABLE)", unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0))
}

// MayDrop fails if a seccomp filter ends whoever gives up capabilities.
func MayDrop() error {
	if Kills(giveUp()) {
		return errors.New("capset: a seccomp filter ends each process that calls it, so capabilities cannot be given up")
	}
	return nil
}

// Powerless reports whether there is no capability to give up: the sets are empty, or the user is root. All threads
// of a program that has not yet changed any of them are alike.
func Powerless() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Geteuid() == 0 || unix.Capget(&header, &data[0]) == nil && data == [2]unix.CapUserData{}
}

// WithoutCgo adds to an error of [syscall.AllThreadsSyscall] what to do if cgo is the reason.
func WithoutCgo(err error) error {
	if errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("%w: this program was linked with cgo, and so cannot give up its capabilities; build it with CGO_ENABLED=0", err)
	}
	return err
}

// HasSysAdmin reports whether [WithSysAdmin] would have CAP_SYS_ADMIN to raise. If that cannot be found out it says yes.
func HasSysAdmin() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) != nil || data[0].Permitted&(1<<unix.CAP_SYS_ADMIN) != 0
}
