package perpid

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one thing in the store.
type Entry struct {
	Name    string
	Path    string
	Owner   Owner
	What    string // "" for a private folder, else what is kept for the same owner
	Verdict Verdict
	Changed time.Time // ctime
	// Undeletable is true for what a sweep could not delete and moved aside. Its Verdict is Dead.
	Undeletable bool
	// Sweeping is true for what a sweep has renamed and not yet deleted. Its Verdict is Dead.
	Sweeping bool
}

// Judged is List by a judge of this process's, which it returns too.
func (s *Store) Judged() ([]Entry, *Judge, error) {
	self, err := Self()
	if err != nil {
		return nil, nil, err
	}
	j := NewJudge(self, s.Remote())
	entries, err := s.List(j)
	return entries, j, err
}

// List returns the entries of the store, judged by j. Names that worker-wrap does not make are left out.
func (s *Store) List(j *Judge) ([]Entry, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	j = j.once()
	var out []Entry
	for _, name := range names {
		if e, ok := s.entry(name, j); ok {
			out = append(out, e)
		}
	}
	return out, nil
}

func (s *Store) entry(name string, j *Judge) (Entry, bool) {
	e := Entry{Name: name, Path: filepath.Join(s.path, name)}
	var ok bool
	if e.Owner, e.What, ok = Parse(Bare(name)); !ok {
		return e, false
	}
	switch {
	case strings.HasPrefix(name, deadPrefix):
		e.Sweeping, e.Verdict = true, Dead
	case strings.HasPrefix(name, keptPrefix):
		e.Undeletable, e.Verdict = true, Dead
	}
	var st unix.Stat_t
	if unix.Fstatat(s.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return e, false // gone meanwhile
	}
	e.Changed = time.Unix(st.Ctim.Unix())
	if e.Verdict == Dead {
		return e, true
	}
	e.Verdict = j.Verdict(e.Owner, e.Changed)
	switch {
	case e.Verdict == Unknown && !j.Remote:
		e.Verdict = s.byLock(name, e.What)
	case e.Verdict == Dead:
		if locked, _ := s.locked(strings.TrimSuffix(name, "."+e.What)); locked {
			e.Verdict = Living // in its view another Worker lives
		}
	}
	return e, true
}

// names lists the store through a descriptor of its own, so that two lists do not share a position.
func (s *Store) names() ([]string, error) {
	d, err := openDir(s.dir, ".")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names) // a folder before what vouches for it
	return names, err
}
