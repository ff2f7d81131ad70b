package trial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// undo knows what a start is about to make in a runner's work folder: the folders up to _temp that are missing, and
// what goes into the store.
type undo struct {
	base    *os.File // the nearest folder above _temp that is there already
	missing []string // names from base down to _temp, empty if that is there
	root    *os.File // the runner's, nil if it is the work folder
	inWork  held
	inRoot  held
	owners  []int // PIDs of the start and of the program that it became
	anyone  bool  // those are not known: what is empty is taken for theirs
}

// held is what the store in a folder holds before the start.
type held struct {
	store   bool // there is one
	closed  bool // it cannot be opened: no start uses it
	entries map[string]bool
}

// remember opens what is there. To root it is an error if the runner's user leads to another's folder.
func remember(l runner.Layout) (*undo, error) {
	u := &undo{}
	path := l.Temp
	for {
		_, err := os.Stat(path)
		if err == nil && path != l.Temp {
			break
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil {
			u.missing = append([]string{filepath.Base(path)}, u.missing...)
		}
		path = filepath.Dir(path)
	}
	var err error
	if u.base, err = l.Folder(path); err != nil {
		return nil, err
	}
	if l.Root != l.Work {
		u.root, err = l.Folder(l.Root)
	}
	if err == nil && u.root != nil {
		u.inRoot, err = heldIn(u.root)
	}
	if err == nil && len(u.missing) <= 1 { // else there is no work folder
		u.inWork, err = heldIn(u.base)
	}
	if err != nil {
		u.close()
		return nil, err
	}
	return u, nil
}

func heldIn(dir *os.File) (held, error) {
	store, err := perpid.OpenIn(dir)
	if err != nil {
		return held{closed: !errors.Is(err, fs.ErrNotExist)}, nil
	}
	defer store.Close()
	entries, _, err := store.Judged()
	h := held{store: true, entries: map[string]bool{}}
	for _, e := range entries {
		h.entries[perpid.Bare(e.Name)] = true
	}
	return h, err
}

func (u *undo) close() {
	u.base.Close()
	if u.root != nil {
		u.root.Close()
	}
}

// A Docker proxy removes its socket and its Worker's folder a moment after that has ended.
const (
	proxysEnd  = 5 * time.Second
	proxysStep = 5 * time.Millisecond
)

// patiently undoes what the start has made, and what is left of it by the processes that it left.
func (u *undo) patiently() error {
	for deadline := time.Now().Add(proxysEnd); ; time.Sleep(proxysStep) {
		if err := u.undo(); err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// undo removes what the start has made, but for what somebody else uses by now. Everything is found from the folder
// that was opened before the start, through no link.
func (u *undo) undo() error {
	way := []*os.File{u.base}
	defer func() {
		for _, f := range way[1:] {
			f.Close()
		}
	}()
	for len(way) < len(u.missing) {
		last := len(way) - 1
		next, err := untrusted.At(way[last], u.missing[last], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return err
		}
		way = append(way, next)
	}
	var err error
	if len(way) >= len(u.missing) {
		err = u.empty(way[len(way)-1], u.inWork)
	}
	if u.root != nil {
		err = errors.Join(err, u.empty(u.root, u.inRoot))
	}
	for i, dir := range slices.Backward(way) {
		if i < len(u.missing) {
			err = errors.Join(err, rmdir(dir, u.missing[i]))
		}
	}
	return err
}

// empty removes from the store in a folder what was not there before, and the store if it was not.
func (u *undo) empty(dir *os.File, before held) error {
	store, err := perpid.OpenIn(dir)
	if errors.Is(err, fs.ErrNotExist) || err != nil && before.closed {
		return nil
	}
	if err != nil {
		return err
	}
	defer store.Close()
	entries, judge, err := store.Judged()
	if err != nil {
		return err
	}
	if !before.store {
		_, err := store.Dissolve(judge)
		return err
	}
	for _, e := range entries {
		switch {
		case e.Verdict != perpid.Dead || before.entries[perpid.Bare(e.Name)] || !u.anyone && !slices.Contains(u.owners, e.Owner.PID):
		case e.What == "":
			derr := store.Discard(e.Path)
			if u.anyone && errors.Is(derr, unix.ENOTEMPTY) {
				derr = nil // a job's that has ended meanwhile
			}
			err = errors.Join(err, derr)
		default: // its proxy's
			err = errors.Join(err, fmt.Errorf("%s is there still", e.Path))
		}
	}
	return err
}

// rmdir removes an empty folder; one that somebody has put something into, or removed, is left to them.
func rmdir(dir *os.File, name string) error {
	switch err := unix.Unlinkat(int(dir.Fd()), name, unix.AT_REMOVEDIR); err {
	case nil, unix.ENOENT, unix.ENOTEMPTY, unix.EEXIST, unix.ENOTDIR:
		return nil
	default:
		return &fs.PathError{Op: "rmdir", Path: filepath.Join(dir.Name(), name), Err: err}
	}
}
