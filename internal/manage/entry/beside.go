package entry

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Moved is what starts worker-wrap and has another name than an install gives: another tool has moved it there, to start it
// itself, or somebody has copied it.
type Moved struct {
	Name   string
	Thing  Thing  // Shim or Dangling
	Target string // the worker-wrap that it starts
	Linked bool   // it is a link to that
}

const (
	// smallest is more than any entry has. Other scripts of a runner's are longer, and are not read for that.
	smallest = 1 << 10
	// maxWrapper bounds how much of another tool's program is searched.
	maxWrapper = 4 << 20
)

// others looks at what has none of the names that an install gives.
func (b *Bin) others(dir string, entries []os.DirEntry) {
	taken := map[string]bool{}
	for _, e := range entries {
		name, path := e.Name(), filepath.Join(dir, e.Name())
		switch name {
		case newEntry, newReal:
			b.Left = append(b.Left, name)
			continue
		case runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName:
			continue
		}
		suffix, like := strings.CutPrefix(name, runner.WorkerName+".")
		if at, is := strings.CutPrefix(name, runner.KeptWorkerName+"."); is {
			if to, err := os.Readlink(path); err == nil && to == runner.WorkerName+"."+at {
				b.Aliases = append(b.Aliases, at)
			} else {
				taken[at] = true
			}
			continue
		}
		m := Moved{Name: name}
		if mayBeMoved(e, path, like) {
			m.Thing, m.Target, m.Linked = thing(path)
		}
		switch {
		case ours(m.Thing):
			b.Moved = append(b.Moved, m)
		case like && isProgram(path):
			b.Beside = append(b.Beside, suffix)
		}
	}
	if b.Real == Own {
		b.Beside = append(b.Beside, strings.TrimPrefix(runner.RealWorkerName, runner.WorkerName+"."))
	}
	b.Beside = slices.DeleteFunc(b.Beside, func(suffix string) bool { return taken[suffix] })
}

// mayBeMoved reports whether a name may be that of an entry, or of a link to worker-wrap. like is true if it begins as the
// Worker's. A link of a person's to the entry in its place has not been moved.
func mayBeMoved(e os.DirEntry, path string, like bool) bool {
	switch e.Type() {
	case fs.ModeSymlink:
		to, _ := os.Readlink(path)
		return filepath.Base(to) == program.Name
	case 0:
		st, err := e.Info()
		return err == nil && (like || st.Size() < smallest)
	}
	return false
}

// isProgram reports whether the file at a path begins as a script or an ELF file: the runner's own with the Worker's name,
// such as Runner.Worker.dll, do not.
func isProgram(path string) bool {
	head, err := untrusted.Head(path, len("\x7fELF"))
	return err == nil && (bytes.HasPrefix(head, []byte("#!")) || string(head) == "\x7fELF")
}

// mentions reports whether a program's text has the name, or what makes it of the Worker's ("$0.orig").
func mentions(path, name string) bool {
	text, _ := untrusted.Head(path, maxWrapper)
	suffix, like := strings.CutPrefix(name, runner.WorkerName)
	return bytes.Contains(text, []byte(name)) || like && bytes.Contains(text, []byte(suffix))
}

// judge finds out which file is the runner's own Worker, and which entry what stands in its place starts. It does so only
// if another tool may be there.
func (b *Bin) judge(dir string) {
	at := func(name string) string { return filepath.Join(dir, name) }
	if b.Worker == Own && (b.Kept == Own || b.Real != Missing) || len(b.Moved) > 0 || len(b.Beside) > 0 {
		b.WorkerIsHost = b.Worker == Own && program.IsHost(at(runner.WorkerName))
		b.RealIsHost = b.Real == Own && program.IsHost(at(runner.RealWorkerName))
		b.KeptIsHost = b.Kept == Own && program.IsHost(at(runner.KeptWorkerName))
	}
	if b.Worker == Own && b.Kept == Own && !b.WorkerIsKept && !b.WorkerIsHost {
		b.KeptAgain, _ = disk.Same(at(runner.WorkerName), at(runner.KeptWorkerName))
	}
	if b.Worker == Own && !b.WorkerIsHost {
		for _, m := range b.Moved {
			if mentions(at(runner.WorkerName), m.Name) {
				b.By = m
				break
			}
		}
	}
	if len(b.Moved) == 0 {
		return
	}
	names := []string{runner.WorkerName, runner.KeptWorkerName, runner.RealWorkerName}
	for _, suffix := range b.Beside {
		names = append(names, runner.WorkerName+"."+suffix)
	}
	for _, name := range names {
		if program.IsHost(at(name)) {
			b.Host = name
			break
		}
	}
}

// whose says to people what a file is that is, or was, in the Worker's place; host is true for the runner's own for sure.
func (b Bin) whose(host bool) string {
	if !host && slices.ContainsFunc(b.Beside, func(suffix string) bool {
		return runner.WorkerName+"."+suffix != runner.RealWorkerName || !b.realIsOurs()
	}) {
		return "another tool's wrapper"
	}
	return "the runner's own Worker"
}

// keptIsHost reports whether what jobs start in the end, when worker-wrap is in place, is the runner's own Worker for sure.
func (b Bin) keptIsHost() bool {
	switch {
	case b.Worker == Own:
		return b.WorkerIsHost
	case b.Kept == Own:
		return b.KeptIsHost
	}
	return b.RealIsHost
}
