// Package byhand remembers over which folders this user has started commands by hand, so that gc finds what they left. It is
// a help: no start depends on it. The list lies in the user's own state folder, and counts only if nobody else can write to
// it.
package byhand

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/flock"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

const (
	folder = "worker-wrap"
	name   = "by-hand"
	// most is how long the list may become, in bytes.
	most = 64 << 10
	// patience is how long a start, or gc, waits for whoever has the list locked: another start has it for a moment.
	patience = 100 * time.Millisecond
)

// Note adds the folder that a start covers.
func Note(temp string) error {
	if !filepath.IsAbs(temp) || strings.ContainsRune(temp, '\n') {
		return errors.New("no path for a line")
	}
	list, err := open(true)
	if err != nil {
		return err
	}
	defer list.Close()
	lines, err := read(list)
	if err != nil || slices.Contains(lines, temp) {
		return err
	}
	return write(list, append(lines, temp))
}

// Noted returns the folders beside which something lies still, and takes the others from the list. That may be one whose start
// has just begun: then the next start over it adds it again.
func Noted() ([]string, error) {
	list, err := open(false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer list.Close()
	lines, err := read(list)
	if err != nil {
		return nil, err
	}
	kept := slices.DeleteFunc(slices.Clone(lines), nothingBeside)
	if len(kept) < len(lines) {
		err = write(list, kept)
	}
	return kept, err
}

// NotedBy returns, for root, what stands in the list of another user, who may have written anything into it.
func NotedBy(uid int, home string) []string {
	list, err := untrusted.Open(filepath.Join(home, ".local", "state", folder, name))
	if err != nil {
		return nil
	}
	defer list.Close()
	st, err := list.Stat()
	if err != nil || int(st.Sys().(*syscall.Stat_t).Uid) != uid {
		return nil
	}
	lines, _ := read(list)
	return lines
}

// nothingBeside reports whether no private folder lies beside temp.
func nothingBeside(temp string) bool {
	dir, err := os.Open(perpid.Path(temp))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

// open opens the list and locks it. With make it is made if it is missing, with the folders above it.
func open(make bool) (*os.File, error) {
	base, under := os.Getenv("XDG_STATE_HOME"), folder
	if !filepath.IsAbs(base) {
		base, under = os.Getenv("HOME"), filepath.Join(".local", "state", folder)
	}
	if st, err := os.Stat(base); err != nil || !st.IsDir() || !mine(st) {
		return nil, fmt.Errorf("%q is missing, or not a folder that only this user can change: %w", base, fs.ErrNotExist)
	}
	path, flags := filepath.Join(base, under), os.O_RDWR
	if make {
		flags |= os.O_CREATE
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, err
		}
	}
	if st, err := os.Lstat(path); err != nil || !st.IsDir() || !mine(st) {
		return nil, fmt.Errorf("%q is missing, or not a folder that only this user can change: %w", path, fs.ErrNotExist)
	}
	list, err := os.OpenFile(filepath.Join(path, name), flags|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := list.Stat()
	if err == nil && (!st.Mode().IsRegular() || !mine(st)) {
		err = fmt.Errorf("%s is not a file that only this user can change", list.Name())
	}
	if err == nil {
		err = flock.Lock(list, unix.LOCK_EX, patience)
	}
	if err != nil {
		list.Close()
		return nil, err
	}
	return list, nil
}

// mine reports whether something belongs to this user, and nobody else may write to it.
func mine(st fs.FileInfo) bool {
	return int(st.Sys().(*syscall.Stat_t).Uid) == os.Geteuid() && st.Mode()&0o022 == 0
}

func read(list *os.File) ([]string, error) {
	data, err := io.ReadAll(io.LimitReader(list, most))
	if err != nil {
		return nil, err
	}
	lines := strings.FieldsFunc(string(data), func(r rune) bool { return r == '\n' })
	return slices.DeleteFunc(lines, func(line string) bool { return !filepath.IsAbs(line) }), nil
}

// write writes the list anew. If it became too long, the oldest lines go.
func write(list *os.File, lines []string) error {
	text := []byte(strings.Join(lines, "\n"))
	for len(text) >= most {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	if err := list.Truncate(0); err != nil || len(text) == 0 {
		return err
	}
	_, err := list.WriteAt(append(text, '\n'), 0)
	return err
}
