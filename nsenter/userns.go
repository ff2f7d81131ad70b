package nsenter

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// StartInUser starts this same program, /proc/self/exe, as a child in a user namespace of its own. There the user has
// the same IDs as outside, and CAP_SYS_ADMIN in all sets that execve(2) hands on. A running Go program cannot move
// there itself: unshare(2) refuses a process with several threads.
//
// For root every id means what it means outside. For anybody else the user's own ids do, and no other: so
// set-user-ID programs have no effect, and supplementary groups are shown as the overflow group, but
// go on to count where permissions are checked (user_namespaces(7)). Without privilege the kernel
// demands that the groups can no more be changed (setgroups, deny).
//
// The child has this process's descriptors that are not close-on-exec, at their numbers, and keep; of 0 to 2
// those in closed (bit n: descriptor n) are closed. It is killed when the calling thread ends (PR_SET_PDEATHSIG),
// so the caller is locked to that.
//
// Anybody but root loses all capabilities by the call, which this way does not need: with them the kernel
// would take the child for one that its user must not touch. The error is a bare [syscall.Errno] if the
// kernel refuses: EPERM, ENOSPC past /proc/sys/user/max_user_namespaces, EINVAL in a kernel without.
// Requires Linux 4.3 (ambient capabilities).
func StartInUser(argv, env []string, closed uint32, keep *os.File) (pid int, err error) {
	runtime.LockOSThread()
	if err := DropCapabilities(); err != nil {
		return 0, err
	}
	files := []uintptr{0, 1, 2}
	for n := range files {
		if closed&(1<<n) != 0 {
			files[n] = ^uintptr(0)
		}
	}
	if _, err := unix.FcntlInt(keep.Fd(), unix.F_SETFD, 0); err != nil {
		return 0, os.NewSyscallError("fcntl(F_SETFD)", err)
	}
	defer unix.CloseOnExec(int(keep.Fd()))
	var refused error
	for _, whole := range []bool{true, false} {
		if whole && os.Geteuid() != 0 {
			continue
		}
		sys, err := mapping(whole)
		if err != nil {
			return 0, err
		}
		pid, err = syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{Env: env, Files: files, Sys: sys})
		if err == nil {
			return pid, nil
		}
		refused = err
		if !errors.Is(err, unix.EPERM) { // root without the right to map more than itself
			break
		}
	}
	return 0, refused
}

// mapping returns how the child is made: with all ids of this user namespace, or the user's own.
func mapping(whole bool) (*syscall.SysProcAttr, error) {
	sys := &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER,
		Pdeathsig:   unix.SIGKILL,
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN},
	}
	if !whole {
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		return sys, nil
	}
	var err error
	if sys.UidMappings, err = identity("/proc/self/uid_map"); err != nil {
		return nil, err
	}
	sys.GidMappings, err = identity("/proc/self/gid_map")
	sys.GidMappingsEnableSetgroups = true
	return sys, err
}

// identity maps each id that exists in this user namespace to itself.
func identity(path string) ([]syscall.SysProcIDMap, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	out, err := parseIDMap(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// parseIDMap takes lines of three numbers: the first id inside and outside, and how many. A map may have more ids than
// an int, as a 32-bit machine's has. Then it returns those that [syscall.SysProcIDMap] can name.
func parseIDMap(data []byte) ([]syscall.SysProcIDMap, error) {
	var out []syscall.SysProcIDMap
	for line := range bytes.Lines(data) {
		var inside, outside, count uint32
		if _, err := fmt.Sscanf(string(line), "%d%d%d", &inside, &outside, &count); err != nil {
			return nil, err
		}
		if count == 0 || inside+count < inside {
			return nil, fmt.Errorf("%q is not a range of ids", line)
		}
		if uint64(inside) >= math.MaxInt {
			continue
		}
		size := min(uint64(count), math.MaxInt-uint64(inside))
		out = append(out, syscall.SysProcIDMap{ContainerID: int(inside), HostID: int(inside), Size: int(size)})
	}
	return out, nil
}
