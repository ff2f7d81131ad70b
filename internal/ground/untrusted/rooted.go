package untrusted

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Rooted opens what an absolute path leads to as a place (open(2), O_PATH), if nobody but root leads there: a symbolic
// link on the way counts only in a folder that nobody but root can change.
func Rooted(path string) (*os.File, error) {
	fd, err := rooted(path, false)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// RootsHead returns the first n bytes of a file that nobody but root can have written: it and each folder on the way
// belong to root, and nobody else may write to them.
func RootsHead(path string, n int) ([]byte, error) {
	fd, err := rooted(path, true)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if err := rootsOnly(fd); err != nil {
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return Head(byFD(fd), n)
}

// rooted follows a path. With every, each folder on the way must be root's alone, and not those with a link only.
func rooted(path string, every bool) (int, error) {
	at, err := openat(unix.AT_FDCWD, "/", asPlace)
	if err != nil {
		return -1, err
	}
	todo := strings.Split(path, "/")
	for links := 0; len(todo) > 0; {
		name := todo[0]
		todo = todo[1:]
		if name == "" {
			continue
		}
		next, link, err := step(at, name, every)
		if link != "" {
			if links++; links > mostLinks {
				err = unix.ELOOP
			}
			todo = append(strings.Split(link, "/"), todo...)
		}
		if err != nil {
			unix.Close(at)
			return -1, err
		}
		if next >= 0 {
			unix.Close(at)
			at = next
		}
	}
	return at, nil
}

// step opens a name in the folder at. If that is a link it returns what the link says, and the root folder if that
// is an absolute path, else -1.
func step(at int, name string, every bool) (next int, link string, err error) {
	if next, err = openat(at, name, unix.O_PATH|unix.O_NOFOLLOW); err != nil {
		return -1, "", err
	}
	var st unix.Stat_t
	if err = unix.Fstat(next, &st); err == nil && (every || st.Mode&unix.S_IFMT == unix.S_IFLNK) {
		err = rootsOnly(at)
	}
	if err != nil || st.Mode&unix.S_IFMT != unix.S_IFLNK {
		if err != nil {
			unix.Close(next)
			next = -1
		}
		return next, "", err
	}
	defer unix.Close(next)
	var target [unix.PathMax]byte
	n, err := unix.Readlinkat(next, "", target[:])
	if err != nil {
		return -1, "", err
	}
	if link = string(target[:n]); link[0] != '/' {
		return -1, link, nil
	}
	root, err := openat(unix.AT_FDCWD, "/", asPlace)
	return root, link, err
}

// rootsOnly refuses what others than root can change. What an access control list grants is within the group's bits.
func rootsOnly(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	what := "it"
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		what = "a folder on the way"
		if path, err := os.Readlink(byFD(fd)); err == nil {
			what = path
		}
	}
	switch {
	case st.Uid != 0:
		return fmt.Errorf("%s belongs to uid %d, not to root", what, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%s can be written to by others than root (mode %04o)", what, st.Mode&0o7777)
	}
	return nil
}
