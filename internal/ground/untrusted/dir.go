package untrusted

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Sign is what leads to a folder: a symbolic link, or a file that names a path.
type Sign struct {
	Path string
	UID  int // whose it is
}

// Dir opens the folder at an absolute path for reading. Every symbolic link on the path, and every sign in by, must
// belong to root or to the folder's owner; otherwise someone else steers the caller there. The open folder stays the
// same one wherever the path leads later. Its name is the folder's path without links.
func Dir(path string, by ...Sign) (*os.File, error) {
	w, err := walk(unix.AT_FDCWD, "/", path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(w.at)
	if err := w.trusted(path, by); err != nil {
		return nil, err
	}
	// What the walk holds is only a place (open(2), O_PATH).
	fd, err := openat(w.at, ".", unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), w.place(path)), nil
}

// Place opens as a place (O_PATH) the folder that a name in the open folder dir leads to. The rule of [Dir] holds for
// each link from there on.
func Place(dir *os.File, name string) (*os.File, error) {
	path := filepath.Join(dir.Name(), name)
	w, err := walk(int(dir.Fd()), ".", name)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if err := w.trusted(path, nil); err != nil {
		unix.Close(w.at)
		return nil, err
	}
	return os.NewFile(uintptr(w.at), path), nil
}

// trusted is the rule of [Dir] for whoever leads to where the walk has come.
func (w *walker) trusted(path string, by []Sign) error {
	var st unix.Stat_t
	if err := unix.Fstat(w.at, &st); err != nil {
		return &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	for _, s := range append(w.signs, by...) {
		if s.UID != 0 && s.UID != int(st.Uid) {
			return fmt.Errorf("%s belongs to uid %d, and %s of uid %d's leads there; if that is meant, give that to root (chown -h root)", w.place(path), st.Uid, s.Path, s.UID)
		}
	}
	return nil
}

// mostLinks is how many links a path may lead through, as the kernel has it (path_resolution(7)).
const mostLinks = 40

// walker is how far a path has been followed.
type walker struct {
	at    int      // the folder so far
	todo  []string // names that are still to be followed
	signs []Sign
}

// walk follows a path from the folder start in at.
func walk(at int, start, path string) (*walker, error) {
	first, err := openat(at, start, asPlace)
	if err != nil {
		return nil, err
	}
	w := &walker{at: first, todo: strings.Split(path, "/")}
	for len(w.todo) > 0 {
		name := w.todo[0]
		w.todo = w.todo[1:]
		if name == "" {
			continue
		}
		next, err := openat(w.at, name, asPlace) // O_DIRECTORY: an automount point is mounted
		if err == unix.ENOTDIR {
			next, err = w.follow(name)
		}
		unix.Close(w.at)
		if err != nil {
			return nil, err
		}
		w.at = next
	}
	return w, nil
}

// asPlace is how folders on the way are opened.
const asPlace = unix.O_PATH | unix.O_DIRECTORY | unix.O_NOFOLLOW

// follow takes note of a link, puts what it says before what is still to do, and returns from where that counts.
func (w *walker) follow(name string) (int, error) {
	link, err := openat(w.at, name, unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return -1, err
	}
	defer unix.Close(link)
	var st unix.Stat_t
	if err := unix.Fstat(link, &st); err != nil {
		return -1, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFLNK {
		return -1, unix.ENOTDIR
	}
	if len(w.signs) == mostLinks {
		return -1, unix.ELOOP
	}
	var target [unix.PathMax]byte
	n, err := unix.Readlinkat(link, "", target[:])
	if err != nil {
		return -1, err
	}
	w.signs = append(w.signs, Sign{filepath.Join(w.place("…"), name), int(st.Uid)})
	w.todo = append(strings.Split(string(target[:n]), "/"), w.todo...)
	if target[0] == '/' {
		return openat(unix.AT_FDCWD, "/", asPlace)
	}
	return openat(w.at, ".", asPlace)
}

// place is the path of the folder so far without links, or what is given if there is no /proc to tell.
func (w *walker) place(otherwise string) string {
	path, err := os.Readlink(byFD(w.at))
	if err != nil {
		return otherwise
	}
	return path
}
