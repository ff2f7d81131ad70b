package entry

import (
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Kind is the state of one bin folder.
type Kind string

// The kinds. With all but the first two, [Behind] and [Empty] an install has something to mend.
const (
	NotInstalled Kind = "not installed"
	Installed    Kind = "installed"
	// Half is an install that was cut short: what it takes the place of is still there.
	Half Kind = "half installed"
	// Replaced: an update or a person put the runner's own Worker over the shim.
	Replaced Kind = "replaced by the runner's own Worker"
	// Covered: another tool put a file of its own over the shim, and nothing is lost if that is wrapped too.
	Covered Kind = "another tool has put a file over the shim"
	// Unclear: the same, and only one of that file and the kept one could go on.
	Unclear Kind = "another tool has put a file over the shim, and the file that was there before is kept"
	// Behind: another tool has moved the shim to the name by which it keeps what it starts.
	Behind Kind = "installed, behind another tool"
	// Circle: what the shim starts is another tool's, and may start the shim, which has another name beside it.
	Circle Kind = "installed, and perhaps started again by another tool"
	// Gone: the worker-wrap that the shim starts is not there; no job can start.
	Gone Kind = "the installed binary is gone"
	// Unlinked: the runner's own Worker is kept, and nothing is in its place; no job can start.
	Unlinked Kind = "Runner.Worker is missing"
	// Lost: the shim is in place and there is no Worker of the runner's for it to start.
	Lost Kind = "the runner's own Worker is gone"
	// Empty: no Worker at all.
	Empty Kind = "no Worker"
)

// Kind sums up the files in the folder.
func (b Bin) Kind() Kind {
	kept := b.Kept == Own || b.Real == Own
	switch {
	case b.Worker == Shim && kept && len(b.Moved) > 0 && !b.keptIsHost():
		return Circle
	case b.Worker == Shim && kept:
		return Installed
	case b.Worker == Dangling && kept:
		return Gone
	case ours(b.Worker):
		return Lost
	case b.Worker == Missing && kept:
		return Unlinked
	case b.Worker != Own:
		return Empty
	case b.moved() && (b.Kept == Own && !b.WorkerIsKept || b.Kept != Own && b.Real == Own && !b.WorkerIsReal):
		return Behind
	case b.moved() && !kept:
		return Lost
	case b.Kept == Own:
		return b.overKept()
	case b.WorkerIsReal, ours(b.Kept): // see [planner.swap]
		return Half
	case ours(b.Real) && b.WorkerIsHost:
		return Half
	case ours(b.Real):
		return Lost // what is there starts the shim, which has nothing to start
	case b.Real == Own && b.WorkerIsHost && b.RealIsHost:
		return Replaced // by a version that knew no other name
	}
	return NotInstalled
}

// overKept is the kind where a file stands in the Worker's place and one is kept by the name that is ours alone.
func (b Bin) overKept() Kind {
	switch {
	case b.WorkerIsKept:
		return Half
	case b.WorkerIsHost:
		return Replaced
	case ours(b.Real):
		return Behind
	case b.RealIsKept, b.KeptElsewhere, b.KeptAgain:
		return Covered
	}
	return Unclear
}

func ours(t Thing) bool { return t == Shim || t == Dangling }

// realGoes reports whether there is a Runner.Worker.real of an install's that a change of a bin folder of that kind takes
// away. If something lies over the shim it is what jobs start.
func (b Bin) realGoes(kind Kind) bool { return b.Real != Missing && kind != Covered && b.realIsOurs() }

// realIsOurs reports whether Runner.Worker.real was put there by an install: by another tool it was not.
func (b Bin) realIsOurs() bool {
	return ours(b.Real) || b.RealIsKept || b.WorkerIsReal || b.Kept != Own && b.Kind() == Replaced
}

// moved reports whether another tool starts the shim by a name of its own.
func (b Bin) moved() bool { return b.By.Name != "" && b.By.Name != runner.RealWorkerName }

// Wrapped reports whether a job that starts there starts worker-wrap.
func (b Bin) Wrapped() bool {
	kind := b.Kind()
	return kind == Installed || kind == Behind && b.By.Thing == Shim && !(b.moved() && b.By.Linked)
}

// Program is the path of the worker-wrap that starts there.
func (b Bin) Program() string {
	switch {
	case b.Target == "" || b.Linked && !filepath.IsAbs(b.Target): // a copy, or a link that is read in its folder
		return filepath.Join(b.Dir, runner.WorkerName)
	}
	return b.Target
}

// Runnable returns a [BarredError] if a user may not execute Runner.Worker, or the Worker kept beside it. Owners and
// modes tell.
func (b Bin) Runnable(uid int) error {
	for _, name := range []string{runner.WorkerName, b.keptName()} {
		path := filepath.Join(b.Dir, name)
		if by := users.SurelyBarredFrom(path, uid); by != "" {
			return &BarredError{users.Name(uid), path, by}
		}
	}
	return nil
}

// HasShim reports whether something in the folder starts worker-wrap.
func (b Bin) HasShim() bool { return ours(b.Worker) || ours(b.Real) || len(b.Moved) > 0 }
