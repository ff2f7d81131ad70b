package entry

import (
	"fmt"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// Step is one thing to do. After each, whatever happens next, the runner can start a job.
type Step struct {
	What string // for people: "/r/bin.2.336.0: keep the runner's own Worker as Runner.Worker.worker-wrap"
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
		return nil, &LostError{b.Dir, b.By.Name}
	case kind == Empty:
		return nil, &EmptyError{b.Dir}
	case kind == Unclear:
		return nil, &UnclearError{b.Dir}
	case kind == Behind:
		p.tidy()
		if err := p.behind(place); err != nil {
			return nil, err
		}
	default:
		p.tidy()
		if !b.keptIsHost() { // so it may be what starts those
			if err := p.giveBack(); err != nil {
				return nil, err
			}
		}
		p.alias()
		if kind != Installed && kind != Circle || !inPlace {
			p.keep(kind, place)
			p.place(place, runner.WorkerName)
		}
		p.name()
		p.unalias(b.stale())
	}
	return p.steps, nil
}

// behind plans what has the entry that another tool starts lead to place.
func (p *planner) behind(place string) error {
	_, scripted := runner.Entry(place)
	switch {
	case p.By.Target == place && (p.By.Linked != scripted || !p.moved()):
		return nil
	case !scripted && p.moved():
		return &LinkedError{p.Dir, p.By.Name}
	}
	p.place(place, p.By.Name)
	return nil
}

// place plans what puts an entry of the worker-wrap at place in place of name.
func (p *planner) place(place, name string) {
	p.add("make "+newEntry+", which starts "+place, func(r *os.Root) error { return makeEntry(r, newEntry, place) })
	p.add("put it in place of "+name, func(r *os.Root) error { return r.Rename(newEntry, name) })
}

// keep plans what gives the file in the Worker's place, or what is kept already, the names that are missing. If it may
// have no other name beside its own, the entry of the worker-wrap at place is exchanged for it.
func (p *planner) keep(kind Kind, place string) {
	from, what := runner.WorkerName, "keep "+p.whose(p.WorkerIsHost)+" as "
	var names []string
	switch kind {
	case Covered, Replaced:
		what = "keep the file that is in place, and no longer the one before, as "
	case NotInstalled, Half:
	default: // a version that knew no other name has put it there
		if p.Kept != Own {
			from, names, what = runner.RealWorkerName, []string{runner.KeptWorkerName}, "keep the runner's own Worker as "
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
	p.add(what+names[len(names)-1], func(r *os.Root) error {
		for _, name := range names {
			if err := link(r, from, name); oneName(err) {
				if from != runner.WorkerName || name == runner.RealWorkerName && p.WorkerIsKept {
					return nil // it has a name that is enough
				}
				return p.swap(r, place, err)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
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
			return fmt.Errorf("%s: %w", s.What, because(folder, err))
		}
		if err := disk.Sync(folder); err != nil {
			return err
		}
		done(s)
	}
	return nil
}
