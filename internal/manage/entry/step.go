package entry

import (
	"fmt"
	"os"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Step is one thing to do. After each, whatever happens next, the runner can start a job.
type Step struct {
	What string // for people: "/r/bin.2.336.0: keep the runner's own Worker as Runner.Worker.real"
	do   func(*os.Root) error
}

// Plan says which steps are to be done in a bin folder as it is.
type Plan func(Bin) ([]Step, error)

// planner gathers the steps in one bin folder.
type planner struct {
	Bin
	steps []Step
}

func (p *planner) add(what string, do func(*os.Root) error) {
	p.steps = append(p.steps, Step{p.Dir + ": " + what, do})
}

// tidy removes what a run that was cut short has left.
func (p *planner) tidy() {
	for _, name := range p.Left {
		p.add("remove "+name+", left by a run that was cut short", func(r *os.Root) error { return r.Remove(name) })
	}
}

// wrap plans what puts the entry of the worker-wrap at place into b as Runner.Worker, with what was there beside
// it. What another tool keeps as Runner.Worker.real stays.
func wrap(b Bin, place string) ([]Step, error) {
	p := planner{Bin: b}
	_, scripted := runner.Entry(place)
	kind := b.Kind()
	switch inPlace := b.Target == place && b.Linked != scripted; {
	case kind == Lost:
		return nil, &LostError{b.Dir, b.Worker == Own}
	case kind == Empty:
		return nil, &EmptyError{b.Dir}
	case kind == Unclear:
		return nil, &UnclearError{b.Dir}
	case kind == Behind:
		p.tidy()
		return p.steps, nil
	case kind == Installed && inPlace:
		p.tidy()
		p.name()
		return p.steps, nil
	}
	p.tidy()
	p.keep(kind)
	p.add("make "+newEntry+", which starts "+place, func(r *os.Root) error { return makeEntry(r, newEntry, place) })
	p.add("put it in place of "+runner.WorkerName, func(r *os.Root) error {
		return r.Rename(newEntry, runner.WorkerName)
	})
	p.name()
	return p.steps, nil
}

// keep plans what gives the file in the Worker's place, or what is kept already, the names that are missing.
func (p *planner) keep(kind Kind) {
	from, what := runner.WorkerName, "keep the runner's own Worker as "
	var names []string
	switch kind {
	case Covered, Replaced:
		what = "keep the file that is in place, and no longer the one before, as "
	case NotInstalled, Half:
	default: // a version that knew no other name has put it there
		if p.Kept != Own {
			from, names = runner.RealWorkerName, []string{runner.KeptWorkerName}
		}
	}
	if from == runner.WorkerName && names == nil && p.Worker == Own {
		// Runner.Worker.real first: as long as the other name is an older file's it tells that both are ours.
		if !p.WorkerIsReal && (p.Real == Missing || kind != Covered && p.realIsOurs()) {
			names = append(names, runner.RealWorkerName)
		}
		if !p.WorkerIsKept {
			names = append(names, runner.KeptWorkerName)
		}
	}
	if len(names) == 0 {
		return
	}
	p.add(what+names[0], func(r *os.Root) error {
		for _, name := range names {
			if err := r.Link(from, newReal); err != nil {
				return err
			}
			if err := r.Rename(newReal, name); err != nil { // whatever has it
				return err
			}
		}
		return nil
	})
}

// Unwrap plans the steps that leave b as it was without worker-wrap.
func Unwrap(b Bin) ([]Step, error) {
	p := planner{Bin: b}
	p.tidy()
	p.unname()
	switch kind := b.Kind(); kind {
	case Installed, Gone, Unlinked:
		if b.Kept == Own && b.Real != Missing && b.realIsOurs() {
			p.remove(runner.RealWorkerName)
		}
		p.add("put the runner's own Worker back in its place", func(r *os.Root) error {
			return r.Rename(b.keptName(), runner.WorkerName)
		})
	case Behind:
		p.add("put the runner's own Worker in place of "+runner.RealWorkerName+", which another tool starts", func(r *os.Root) error {
			return r.Rename(runner.KeptWorkerName, runner.RealWorkerName)
		})
	case Half, Replaced, Covered:
		p.unkeep(kind, 0)
	case Lost:
		return nil, &LostError{b.Dir, b.Worker == Own}
	}
	return p.steps, nil
}

// keptName is the name of what the shim starts.
func (b Bin) keptName() string {
	if b.Kept == Own {
		return runner.KeptWorkerName
	}
	return runner.RealWorkerName
}

func (p *planner) remove(name string) {
	p.add("remove "+name+": the runner's own Worker has another name too", func(r *os.Root) error { return r.Remove(name) })
}

// unkeep plans what removes the names that an install has given to the file in the Worker's place, or to one before.
func (p *planner) unkeep(kind Kind, after time.Duration) {
	var names []string
	if p.Real != Missing && kind != Covered && p.realIsOurs() {
		names = append(names, runner.RealWorkerName)
	}
	if p.Kept == Own {
		names = append(names, runner.KeptWorkerName)
	}
	p.add("remove "+names[0]+": the runner's own Worker is in its place", func(r *os.Root) error {
		time.Sleep(after)
		for _, name := range names {
			if err := r.Remove(name); err != nil {
				return err
			}
		}
		return nil
	})
}

// moment is longer than a start takes to open the Worker that is kept, from when the Listener has started the
// shim.
const moment = 300 * time.Millisecond

// UnwrapInUse plans the same for the bin from which a Listener may start a Worker just now: a shim that
// has started finds the Worker that it looks for.
func UnwrapInUse(b Bin) ([]Step, error) {
	kind := b.Kind()
	if kind != Installed && kind != Behind {
		return Unwrap(b)
	}
	p := planner{Bin: b}
	p.tidy()
	p.unname()
	from, to := b.keptName(), runner.WorkerName
	if kind == Behind {
		to = runner.RealWorkerName
	}
	p.add("take the runner's own Worker for "+newReal, func(r *os.Root) error {
		return r.Link(from, newReal)
	})
	p.add("put it back in its place", func(r *os.Root) error {
		return r.Rename(newReal, to)
	})
	var names []string
	if kind == Installed && b.Kept == Own && b.Real != Missing && b.realIsOurs() {
		names = append(names, runner.RealWorkerName)
	}
	names = append(names, from)
	p.add("remove "+names[0], func(r *os.Root) error {
		time.Sleep(moment)
		for _, name := range names {
			if err := r.Remove(name); err != nil {
				return err
			}
		}
		return nil
	})
	return p.steps, nil
}

// Steps plans for a bin folder that is open by its path.
func (p Plan) Steps(folder *os.File) ([]Step, error) {
	b, err := inspectBin(folder)
	if err != nil {
		return nil, err
	}
	return p(b)
}

// Do plans, and does each step. Nobody else who uses this function works in the folder at the same time, and every step
// is on disk before the next. done is called after each.
func (p Plan) Do(folder *os.File, done func(Step)) error {
	root, err := os.OpenRoot(untrusted.Through(folder))
	if err != nil {
		return fmt.Errorf("%s: %w", folder.Name(), err)
	}
	defer root.Close()
	if err := disk.Lock(folder); err != nil {
		return fmt.Errorf("%s: %w", folder.Name(), err)
	}
	steps, err := p.Steps(folder)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := s.do(root); err != nil {
			return fmt.Errorf("%s: %w", s.What, err)
		}
		if err := disk.Sync(folder); err != nil {
			return err
		}
		done(s)
	}
	return nil
}
