package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Thing is what a name in a bin folder leads to.
type Thing int

// The things.
const (
	Missing  Thing = iota
	Own            // a file of the runner's: its Worker
	Shim           // a worker-wrap of any version, by a link or as a copy
	Dangling       // a link to a worker-wrap that is gone
	Other          // neither a file nor a link to one
)

// Names that steps use for a moment, before a rename(2).
const (
	newLink = ".Runner.Worker.worker-wrap"
	newReal = ".Runner.Worker.real.worker-wrap"
)

// Kind is the state of one bin folder.
type Kind string

// The kinds. With all but the first two and [Empty] an install has something to mend.
const (
	NotInstalled Kind = "not installed"
	Installed    Kind = "installed"
	// Half is an install that was cut short: the runner's own Worker is still in its place.
	Half Kind = "half installed"
	// Replaced: an update or a person put the runner's own Worker over the shim.
	Replaced Kind = "replaced by the runner's own Worker"
	// Gone: the shim's link leads nowhere; no job can start.
	Gone Kind = "the installed binary is gone"
	// Unlinked: the runner's own Worker is kept, and nothing is in its place; no job can start.
	Unlinked Kind = "Runner.Worker is missing"
	// Lost: the shim is in place and there is no Worker of the runner's for it to start.
	Lost Kind = "the runner's own Worker is gone"
	// Empty: no Worker at all.
	Empty Kind = "no Worker"
)

// Bin is a bin folder of a runner.
type Bin struct {
	Dir     string // links resolved
	Current bool   // <root>/bin leads to it
	Waiting bool   // newer than the current one: an update will switch to it
	Worker  Thing  // what Runner.Worker is
	Real    Thing  // what Runner.Worker.real is
	Same    bool   // both are one file
	Target  string // where the link Runner.Worker leads, "" where it is no link
	// Left are temporary names that a run which was cut short has left.
	Left []string
}

// Kind sums up what is in the folder.
func (b Bin) Kind() Kind {
	shim := b.Worker == Shim || b.Worker == Dangling
	switch {
	case b.Worker == Own && b.Real == Missing:
		return NotInstalled
	case b.Worker == Own && (b.Same || b.Real != Own):
		return Half
	case b.Worker == Own:
		return Replaced
	case b.Worker == Shim && b.Real == Own:
		return Installed
	case b.Worker == Dangling && b.Real == Own:
		return Gone
	case shim:
		return Lost
	case b.Worker == Missing && b.Real == Own:
		return Unlinked
	}
	return Empty
}

// State is how far a runner has the shim.
type State struct {
	// Bins are its bin folders: the current one first, then the others by name. Empty where bin
	// leads nowhere and there is no other.
	Bins []Bin
	// Copying is true while a self-update may be writing a new version into its bin folder.
	Copying bool
	phase   phase
}

// Inspect looks at every bin folder of a runner and changes nothing.
func Inspect(l runner.Layout) (State, error) {
	s := State{phase: phaseOf(l)}
	s.Copying = s.phase == copying
	current, err := filepath.EvalSymlinks(l.Bin())
	switch {
	case err == nil:
		b, err := InspectBin(current)
		if err != nil {
			return s, err
		}
		b.Current = true
		s.Bins = append(s.Bins, b)
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	version, _ := survey.VersionOf(l.Root)
	dirs, _ := filepath.Glob(filepath.Join(escapeGlob(l.Root), "bin.*"))
	slices.Sort(dirs)
	for _, dir := range dirs {
		v, _ := strings.CutPrefix(filepath.Base(dir), "bin.")
		st, err := os.Lstat(dir)
		if err != nil || !st.IsDir() || dir == current || !survey.Before("0.0.0", v) {
			continue
		}
		b, err := InspectBin(dir)
		if err != nil {
			return s, err
		}
		b.Waiting = version == "" || survey.Before(version, v)
		s.Bins = append(s.Bins, b)
	}
	return s, nil
}

// escapeGlob makes filepath.Glob take a path as it is.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// InspectBin looks at one bin folder, a path without links.
func InspectBin(dir string) (Bin, error) {
	folder, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return Bin{Dir: dir}, err
	}
	defer folder.Close()
	return inspectBin(folder)
}

// inspectBin looks at one that is open by its path.
func inspectBin(folder *os.File) (Bin, error) {
	b := Bin{Dir: folder.Name()}
	dir := untrusted.Through(folder)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return b, fmt.Errorf("%s: %w", b.Dir, err)
	}
	for _, e := range entries {
		if e.Name() == newLink || e.Name() == newReal {
			b.Left = append(b.Left, e.Name())
		}
	}
	worker, real := filepath.Join(dir, runner.WorkerName), filepath.Join(dir, runner.RealWorkerName)
	b.Worker, b.Target = thing(worker)
	b.Real, _ = thing(real)
	w, werr := os.Lstat(worker)
	r, rerr := os.Lstat(real)
	b.Same = werr == nil && rerr == nil && os.SameFile(w, r)
	return b, nil
}

// thing says what is at path, and where it leads if it is a link.
func thing(path string) (t Thing, target string) {
	st, err := os.Lstat(path)
	if err != nil {
		return Missing, ""
	}
	if st.Mode().Type() == fs.ModeSymlink {
		target, _ = os.Readlink(path)
	}
	switch st, err = os.Stat(path); {
	case err != nil && target != "" && filepath.Base(target) == binaryName:
		return Dangling, target
	case err != nil, !st.Mode().IsRegular():
		return Other, target
	case survey.IsShim(path):
		return Shim, target
	}
	return Own, target
}

// ownerOf returns whose a file is, -1 where that is not known.
func ownerOf(st fs.FileInfo) (uid, gid int) {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid), int(sys.Gid)
	}
	return -1, -1
}
