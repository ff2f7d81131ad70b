package logs

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// Kind is what a file is.
type Kind int

const (
	unknownLog Kind = iota
	runnerLog
	workerLogFile
	EventsFile
)

// Source is one input file.
type Source struct {
	Path    string
	name    string // base name
	Kind    Kind
	started Stamp // from its name, 0 if that has none
	Bytes   int64 // read, uncompressed
}

// Group is the logs of one runner: those in one folder.
type Group struct {
	Dir     string
	Sources []*Source
	seen    map[string]bool // names without .gz
}

// Find lists the logs that paths name: files as they are, folders with the logs directly in them. A
// runner's root stands for its _diag.
func Find(paths []string) ([]*Group, error) {
	byDir := map[string]*Group{}
	var groups []*Group
	add := func(path string, named bool) {
		s := classify(path)
		if s.Kind == unknownLog && !named {
			return
		}
		dir := filepath.Dir(path)
		if abs, err := filepath.Abs(dir); err == nil {
			dir = abs
		}
		g := byDir[dir]
		if g == nil {
			g = &Group{Dir: dir, seen: map[string]bool{}}
			byDir[dir] = g
			groups = append(groups, g)
		}
		// A log and its compressed copy are one log; so is what is named twice.
		if plain := strings.TrimSuffix(s.name, ".gz"); !g.seen[plain] {
			g.seen[plain] = true
			g.Sources = append(g.Sources, s)
		}
	}
	for _, path := range paths {
		st, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !st.IsDir() {
			add(path, true)
			continue
		}
		names, err := logNames(path)
		if err == nil && len(names) == 0 {
			if under, uerr := logNames(filepath.Join(path, "_diag")); uerr == nil && len(under) > 0 {
				path, names = filepath.Join(path, "_diag"), under
			}
		}
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%s: has no Runner_*.log, Worker_*.log or %s; give a runner's _diag folder or log files", path, events.FileName)
		}
		for _, name := range names {
			add(filepath.Join(path, name), false)
		}
	}
	for _, g := range groups {
		slices.SortStableFunc(g.Sources, func(a, b *Source) int {
			return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.started, b.started), strings.Compare(a.name, b.name))
		})
	}
	return groups, nil
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
	return slices.DeleteFunc(all, func(name string) bool { return classify(name).Kind == unknownLog }), nil
}

// classify goes by the file's name: Runner_20260420-115519-utc.log, with whatever a rotation or gzip put
// behind it.
func classify(path string) *Source {
	s := &Source{Path: path, name: filepath.Base(path)}
	name := []byte(s.name)
	switch {
	case bytes.HasPrefix(name, []byte(events.FileName)):
		s.Kind = EventsFile
	case !bytes.Contains(name, []byte(".log")):
	case bytes.HasPrefix(name, []byte("Runner_")):
		s.Kind = runnerLog
		s.started, _ = parseNameTime(name[len("Runner_"):])
	case bytes.HasPrefix(name, []byte("Worker_")):
		s.Kind = workerLogFile
		s.started, _ = parseNameTime(name[len("Worker_"):])
	}
	return s
}
