package entry

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
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Thing is what a name in a bin folder leads to.
type Thing int

// The things.
const (
	Missing  Thing = iota
	Own            // a file that is not worker-wrap's: the runner's Worker, or what another tool has put there
	Shim           // what starts a worker-wrap of any version: an entry, a link or a copy
	Dangling       // an entry of, or a link to, a worker-wrap that is gone
	Other          // neither a file nor a link to one
)

// Names that steps use for a moment, before a rename(2).
const (
	newEntry = ".Runner.Worker.worker-wrap"
	newReal  = ".Runner.Worker.real.worker-wrap"
)

// Bin is a bin folder of a runner.
type Bin struct {
	Dir     string // links resolved
	Current bool   // <root>/bin leads to it
	Waiting bool   // newer than the current one: an update will switch to it
	Worker  Thing  // what Runner.Worker is
	Real    Thing  // what Runner.Worker.real is
	Kept    Thing  // what Runner.Worker.worker-wrap is
	// Which of these are one file.
	WorkerIsReal, WorkerIsKept, RealIsKept bool
	// WorkerIsHost, RealIsHost and KeptIsHost are true for what is the runner's own Worker for sure, see
	// [program.IsHost]. It is found out only if another tool may be there.
	WorkerIsHost, RealIsHost, KeptIsHost bool

	Target string // the worker-wrap that is started by Runner.Worker, or behind another tool, "" if none is
	Linked bool   // by a link, as older versions made it

	Moved []Moved // what starts worker-wrap by another name
	By    Moved   // that of them, or Runner.Worker.real, which another tool's Runner.Worker starts; without a name if none
	Host  string  // if any was moved, a name of what is the runner's own Worker for sure, "" if none is
	// Beside is what follows Runner.Worker. in the names of programs that are not worker-wrap's. Aliases is the same of
	// links to them that an install has made, see [planner.alias].
	Beside, Aliases []string
	KeptElsewhere   bool // one of Beside is the file that Runner.Worker.worker-wrap is
	KeptAgain       bool // Runner.Worker is another file with the content of that, which is not the runner's own for sure

	// WorkerScript, RealScript and KeptScript are true for what begins with #!: it is told the path by which it is started.
	WorkerScript, RealScript, KeptScript bool
	// Named is what [runner.AloneName] is.
	Named Named
	// Left are temporary names that a run which was cut short has left.
	Left []string

	Changed  int64 // when Runner.Worker was changed, in ns since 1970
	Lifeless bool  // nobody may execute Runner.Worker
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
	version, _ := runner.VersionOf(l.Root)
	dirs, _ := filepath.Glob(filepath.Join(escapeGlob(l.Root), "bin.*"))
	slices.Sort(dirs)
	for _, dir := range dirs {
		v, _ := strings.CutPrefix(filepath.Base(dir), "bin.")
		st, err := os.Lstat(dir)
		if err != nil || !st.IsDir() || dir == current || !runner.Before("0.0.0", v) {
			continue
		}
		b, err := InspectBin(dir)
		if err != nil {
			return s, err
		}
		b.Waiting = version == "" || runner.Before(version, v)
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
	at := func(name string) string { return filepath.Join(dir, name) }
	one := func(x, y string) bool {
		st, err := os.Lstat(at(x))
		other, oerr := os.Lstat(at(y))
		return err == nil && oerr == nil && os.SameFile(st, other)
	}
	const worker, real, kept = runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName
	b.Worker, b.Target, b.Linked = thing(at(worker))
	behind := Moved{Name: real}
	behind.Thing, behind.Target, behind.Linked = thing(at(real))
	b.Real = behind.Thing
	b.Kept, _, _ = thing(at(kept))
	to, _ := os.Readlink(at(real)) // to Runner.Worker: see [planner.restore]
	b.WorkerIsReal, b.WorkerIsKept, b.RealIsKept = one(worker, real) || to == worker, one(worker, kept), one(real, kept)
	b.WorkerScript, b.RealScript, b.KeptScript = isScript(at(worker)), isScript(at(real)), isScript(at(kept))
	b.Named = namedAt(dir)
	if st, err := os.Lstat(at(worker)); err == nil {
		b.Changed, b.Lifeless = st.Sys().(*syscall.Stat_t).Ctim.Nano(), st.Mode().IsRegular() && st.Mode().Perm()&0o111 == 0
	}
	b.others(dir, entries)
	b.KeptElsewhere = slices.ContainsFunc(b.Beside, func(suffix string) bool { return one(kept, worker+"."+suffix) })
	b.judge(dir)
	if b.Worker == Own && b.By.Name == "" && ours(b.Real) {
		b.By = behind
	}
	if b.Worker == Own {
		b.Target = b.By.Target
	}
	return b, nil
}

// thing says what is at path, and which worker-wrap it starts.
func thing(path string) (t Thing, target string, linked bool) {
	st, err := os.Lstat(path)
	if err != nil {
		return Missing, "", false
	}
	if linked = st.Mode().Type() == fs.ModeSymlink; linked {
		target, _ = os.Readlink(path)
	}
	switch st, err = os.Stat(path); {
	case err != nil && linked && filepath.Base(target) == program.Name:
		return Dangling, target, linked
	case err != nil, !st.Mode().IsRegular():
		return Other, "", linked
	case program.IsShim(path):
		return Shim, target, linked
	}
	if place, is := program.EntryAt(path); is {
		if program.IsShim(place) {
			return Shim, place, linked
		}
		return Dangling, place, linked
	}
	return Own, "", linked
}
