package supervise

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// LetGo closes every descriptor that this process inherited, and puts /dev/null in the place of the first
// three. Inherited are those that are not close-on-exec: execve(2) closes the others, and whatever a Go
// program opens itself is.
func LetGo() error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/dev/null", Err: err}
	}
	defer unix.Close(null)
	// Not by os.Open, for which the runtime makes descriptors of its own, and ends the process where it can't.
	fd, err := unix.Open("/proc/self/fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: "/proc/self/fd", Err: err}
	}
	dir := os.NewFile(uintptr(fd), "/proc/self/fd")
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		switch {
		case err != nil || flags&unix.FD_CLOEXEC != 0:
		case n <= 2:
			if err := unix.Dup3(null, n, 0); err != nil {
				return os.NewSyscallError("dup3", err)
			}
		default:
			unix.Close(n)
		}
	}
	return nil
}
