package input

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// Kind is what a file is, or which program wrote a record.
type Kind int

// The kinds.
const (
	UnknownLog Kind = iota
	RunnerLog
	WorkerLog
	EventsFile
)

// Source is one input file.
type Source struct {
	Path    string
	Name    string // base name
	Kind    Kind
	Started Stamp // from its name, 0 if that has none
	Bytes   int64 // read, uncompressed
}

// Group is the logs of one runner: those in one folder.
type Group struct {
	Dir     string
	Sources []*Source
	seen    map[string]bool // names without .gz
}

// Find lists the logs that paths name: files and pipes as they are, folders with the logs directly in them. A
// runner's root stands for its _diag. Paths without a log are counted in skipped, or are the error if no path has one.
func Find(paths []string, skipped *Skipped) ([]*Group, error) {
	byDir := map[string]*Group{}
	var groups []*Group
	add := func(path string, named bool) {
		s := Classify(path)
		if s.Kind == UnknownLog && !named {
			return
		}
		dir := path // a pipe is of no folder
		if path == Stdin {
			dir = "standard input"
		} else if !Pipe(path) {
			dir = filepath.Dir(path)
			if abs, err := filepath.Abs(dir); err == nil {
				dir = abs
			}
		}
		g := byDir[dir]
		if g == nil {
			g = &Group{Dir: dir, seen: map[string]bool{}}
			byDir[dir] = g
			groups = append(groups, g)
		}
		// A log and its compressed copy are one log; so is what is named twice.
		if plain := strings.TrimSuffix(strings.TrimSuffix(s.Name, ".gz"), ".zst"); !g.seen[plain] {
			g.seen[plain] = true
			g.Sources = append(g.Sources, s)
		}
	}
	var failed error
	for _, path := range paths {
		found, err := logsAt(path)
		if err != nil {
			skipped.File(path, err)
			failed = cmp.Or(failed, err)
		}
		for _, log := range found {
			add(log, log == path)
		}
	}
	if len(groups) == 0 {
		return nil, failed
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Sources, func(a, b *Source) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Started, b.Started), strings.Compare(a.Name, b.Name))
		})
	}
	return groups, nil
}

// logsAt lists the logs that one path names.
func logsAt(path string) ([]string, error) {
	if Pipe(path) {
		return []string{path}, nil
	}
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: there is no such file or folder", path)
	}
	if err != nil {
		return nil, err
	}
	if !st.IsDir() {
		return []string{path}, nil
	}
	names, err := logNames(path)
	if err == nil && len(names) == 0 {
		if under, uerr := logNames(filepath.Join(path, "_diag")); uerr == nil && len(under) > 0 {
			path, names = filepath.Join(path, "_diag"), under
		}
	}
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%s: has no Runner_*.log, Worker_*.log or %s; give a runner's _diag folder or log files", path, events.FileName)
	}
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names, err
}

// logNames lists the logs in a folder.
func logNames(dir string) ([]string, error) {
	d, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(name string) bool { return Classify(name).Kind == UnknownLog }), nil
}

// Classify goes by the file's name: Runner_20260420-115519-utc.log, with whatever a rotation or gzip put
// behind it.
func Classify(path string) *Source {
	s := &Source{Path: path, Name: filepath.Base(path)}
	name := []byte(s.Name)
	switch {
	case bytes.HasPrefix(name, []byte(events.FileName)):
		s.Kind = EventsFile
	case !bytes.Contains(name, []byte(".log")):
	case bytes.HasPrefix(name, []byte("Runner_")):
		s.Kind = RunnerLog
		s.Started, _ = NameTime(name[len("Runner_"):])
	case bytes.HasPrefix(name, []byte("Worker_")):
		s.Kind = WorkerLog
		s.Started, _ = NameTime(name[len("Worker_"):])
	}
	return s
}
