package events

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/nsenter"
)

// MaxFile is the size in bytes from which the events file is renamed to [RotatedName]: about ten
// thousand starts.
const MaxFile = 4 << 20

// Append writes e as one line to the events file in diagDir, a runner's _diag folder, which must exist.
//
// It opens the file as the calling user, makes it if it is missing (mode 0644 less the umask; as root,
// owned by the owner of diagDir), writes once and closes. The [End] of a Worker makes no file:
// its start has recorded itself, so whoever has removed the file since, as uninstall does, wants none. It opens nothing but a regular file with a
// single name: a link, FIFO, socket or device of that name is refused before any device is opened, so
// no other process can hold the caller up. The line is under 4096 bytes; longer texts are cut. Errors
// are for tests and for people; no start may depend on them.
func Append(diagDir string, e Event) error {
	if err := appendEvent(diagDir, e, MaxFile); err != nil {
		return fmt.Errorf("event not recorded in %s: %w", filepath.Join(diagDir, FileName), err)
	}
	return nil
}

func appendEvent(diagDir string, e Event, limit int64) error {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	var buf [maxLine]byte
	line := AppendLine(buf[:0], &e)

	// Descriptors stay bare here, and unix.Open instead of os.Open keeps the runtime's poller, its
	// epoll instance and its system calls out of the Worker's start.
	flags := unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC
	if unix.Geteuid() == 0 {
		flags |= unix.O_NOFOLLOW // root must not be led to make a file where the runner's user could not
	}
	dir, err := open(unix.AT_FDCWD, diagDir, flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(dir)

	for range 3 {
		// The file is away for a moment when it was full.
		make := e.Kind != End || isThere(dir, RotatedName)
		file, err := openEvents(dir, make)
		if !make && errors.Is(err, unix.ENOENT) {
			return nil
		}
		if err != nil {
			return err
		}
		rotated, err := rotate(dir, file, limit)
		if err == nil && !rotated {
			err = write(file, line)
		}
		unix.Close(file)
		if rotated {
			_ = carryOn(dir) // a help for people, as everything here
		}
		if err != nil || !rotated {
			return err
		}
	}
	return errors.New("the file was full three times in a row")
}

// isThere reports whether the folder dir has a file of this name.
func isThere(dir int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// openEvents opens the events file in the folder dir for appending. If it is missing openEvents may make it.
func openEvents(dir int, make bool) (int, error) {
	for range 3 {
		file, err := open(dir, FileName, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(file)
			var st unix.Stat_t
			if err := unix.Fstat(file, &st); err != nil {
				return -1, err
			}
			if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Nlink > 1 {
				return -1, errors.New("not a regular file with a single name; remove it")
			}
			// The checked file itself, not whatever has its name by now.
			return open(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(file),
				unix.O_WRONLY|unix.O_APPEND|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		}
		if !make || !errors.Is(err, unix.ENOENT) {
			return -1, err
		}
		file, err = open(dir, FileName,
			unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
		if err == nil {
			giveToOwner(dir, file)
			return file, nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return -1, err
		}
	}
	return -1, errors.New("the file comes and goes")
}

// giveToOwner makes a file that root made belong to the folder's owner, whose own starts will append
// to it. Failure leaves a file of root's, and the next Append of the user says so.
func giveToOwner(dir, file int) {
	var st unix.Stat_t
	if unix.Geteuid() == 0 && unix.Fstat(dir, &st) == nil && st.Uid != 0 && nsenter.MayChown() {
		_ = unix.Fchown(file, int(st.Uid), int(st.Gid))
	}
}

// write does the one write. A short write (a full disk) leaves a broken line, which Read skips.
func write(file int, line []byte) error {
	for {
		n, err := unix.Write(file, line)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		case n < len(line):
			return fmt.Errorf("only %d of %d bytes were written", n, len(line))
		}
		return nil
	}
}

func open(dir int, path string, flags int, mode uint32) (int, error) {
	for {
		fd, err := unix.Openat(dir, path, flags, mode)
		if !errors.Is(err, unix.EINTR) {
			if err != nil {
				return -1, &os.PathError{Op: "open", Path: path, Err: err}
			}
			return fd, nil
		}
	}
}
