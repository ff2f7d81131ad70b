package own

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// What is copied at each start at most: a folder of logins and settings has some kilobytes.
const (
	mostCopied = 64 << 20 // bytes
	mostFiles  = 10_000
)

// copy copies what is in the place into the folder: files, folders and links, as far as the caller may read them.
// Whoever can change the place is the caller, and nothing is followed, so it is copied whatever it becomes meanwhile.
func (s Start) copy(o one) error {
	c := copying{bytes: mostCopied, files: mostFiles}
	from, err := untrusted.At(o.at, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return err
	}
	defer from.Close()
	err = c.folder(from, o.dir)
	if errors.Is(err, errTooMuch) {
		return notCovered(o.path, fmt.Sprintf("holds more than %d MiB or %d files, which each start would copy; name a smaller folder, or leave =copy out", mostCopied>>20, mostFiles))
	}
	if err != nil {
		return fmt.Errorf("cannot copy %s: %w", o.path, err)
	}
	if c.left != "" {
		s.Journal.Warn("not copied into this job's %s, as its user may not read it: %s", o.path, c.left)
	}
	return nil
}

var errTooMuch = errors.New("too much to copy")

// copying is one copy.
type copying struct {
	bytes int64 // that may still be copied
	files int
	left  string // the first that could not be read
}

// folder copies what is in an open folder into another.
func (c *copying) folder(from, to *os.File) error {
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if c.files--; c.files < 0 {
			return errTooMuch
		}
		err := c.entry(from, to, name)
		switch {
		case errors.Is(err, os.ErrPermission):
			if c.left == "" {
				c.left = from.Name() + "/" + name
			}
		case err != nil && !errors.Is(err, os.ErrNotExist): // it is gone
			return err
		}
	}
	return nil
}

func (c *copying) entry(from, to *os.File, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(int(from.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return c.sub(from, to, name, st.Mode&0o7777)
	case unix.S_IFREG:
		return c.file(from, to, name)
	case unix.S_IFLNK:
		var target [unix.PathMax]byte
		n, err := unix.Readlinkat(int(from.Fd()), name, target[:])
		if err == nil {
			err = unix.Symlinkat(string(target[:n]), int(to.Fd()), name)
		}
		return err
	}
	return nil // a socket or FIFO is its process's
}

func (c *copying) sub(from, to *os.File, name string, mode uint32) error {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW
	in, err := untrusted.At(from, name, flags)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := unix.Mkdirat(int(to.Fd()), name, 0o700); err != nil {
		return err
	}
	out, err := untrusted.At(to, name, flags)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := c.folder(in, out); err != nil {
		return err
	}
	return unix.Fchmod(int(out.Fd()), mode)
}

func (c *copying) file(from, to *os.File, name string) error {
	in, err := untrusted.At(from, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	if err != nil {
		return err
	}
	defer in.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(in.Fd()), &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return err
	}
	if st.Size > c.bytes {
		return errTooMuch
	}
	fd, err := unix.Openat(int(to.Fd()), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	out := os.NewFile(uintptr(fd), to.Name()+"/"+name)
	defer out.Close()
	n, err := io.Copy(out, io.LimitReader(in, c.bytes+1))
	if c.bytes -= n; err == nil && c.bytes < 0 {
		err = errTooMuch
	}
	if err == nil {
		err = unix.Fchmod(fd, st.Mode&0o7777)
	}
	if err == nil {
		err = unix.Futimes(fd, []unix.Timeval{unix.NsecToTimeval(st.Atim.Nano()), unix.NsecToTimeval(st.Mtim.Nano())})
	}
	return err
}
