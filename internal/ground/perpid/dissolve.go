package perpid

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
)

// Staying returns how many of the entries have an owner that lives or may live.
func Staying(entries []Entry) (n int) {
	for _, e := range entries {
		if e.Verdict != Dead {
			n++
		}
	}
	return n
}

// Dissolve deletes what dead owners left. Then it deletes the store with all else in it, unless something of an owner
// stays that lives or may live: staying is how many such entries there are. An owner that comes while it works is one
// of them, or finds no store and makes another. The error is the first reason for which something could not be deleted;
// the store is still open in any case.
func (s *Store) Dissolve(j *Judge) (staying int, err error) {
	swept, err := s.Sweep(j, Sweep{Again: true})
	if err != nil {
		return 0, err
	}
	entries, err := s.List(j)
	if errors.Is(err, fs.ErrNotExist) { // another has removed it
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	owned := map[string]bool{}
	for _, e := range entries {
		owned[e.Name] = true
	}
	staying = Staying(entries)
	if staying > 0 || swept.Err != nil {
		return staying, swept.Err
	}
	names, err := s.names()
	if err != nil {
		return 0, err
	}
	r := tree.NewRemoval(0, nil)
	for _, name := range names {
		// What has come since the sweep may be a living owner's. Who holds the claim has no folder.
		if _, _, isOwners := Parse(Bare(name)); !isOwners && !owned[name] {
			r.Remove(s.dir, name)
		}
	}
	if failed, first := r.Failures(); failed > 0 {
		return 0, first
	}
	switch err := unix.Rmdir(s.path); err {
	case nil, unix.ENOENT:
		return 0, nil
	case unix.ENOTEMPTY, unix.EEXIST:
		if entries, err := s.List(j); err == nil && Staying(entries) > 0 {
			return Staying(entries), nil
		}
		return 0, &fs.PathError{Op: "rmdir", Path: s.path, Err: errors.New("something was put into it just now; try again")}
	default:
		return 0, &fs.PathError{Op: "rmdir", Path: s.path, Err: err}
	}
}
