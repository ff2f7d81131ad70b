package entry

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// moment is longer than a start takes to open the Worker that is kept, from when the Listener has started the
// shim. It is a variable for tests, in which nobody starts anything.
var moment = 300 * time.Millisecond

// Unwrap plans the steps that leave b as it was without worker-wrap.
func Unwrap(b Bin) ([]Step, error) { return unwrap(b, false) }

// UnwrapInUse plans the same for the bin from which a Listener may start a Worker just now: a shim that
// has started finds the Worker that it looks for.
func UnwrapInUse(b Bin) ([]Step, error) { return unwrap(b, true) }

func unwrap(b Bin, inUse bool) ([]Step, error) {
	p := planner{Bin: b}
	kind := b.Kind()
	if kind == Lost {
		return nil, &LostError{b.Dir, b.By.Name}
	}
	p.tidy()
	p.unname()
	if err := p.giveBack(); err != nil {
		return nil, err
	}
	switch kind {
	case Installed, Circle:
		p.restore(runner.WorkerName, inUse)
	case Gone, Unlinked:
		p.restore(runner.WorkerName, false)
	case Behind:
		p.restore(b.By.Name, inUse)
	case Half, Replaced, Covered:
		p.unkeep(kind)
	}
	p.unalias(b.Aliases)
	return p.steps, nil
}

// giveBack plans what puts the runner's own Worker in place of what starts worker-wrap by another name. What another tool
// starts behind its wrapper is none of these.
func (p *planner) giveBack() error {
	for _, m := range p.Moved {
		if m == p.By && p.Kind() == Behind {
			continue
		}
		if p.Host == "" {
			return &MovedError{p.Dir, m.Name}
		}
		p.add("put the runner's own Worker in place of "+m.Name+", which starts worker-wrap", func(r *os.Root) error {
			return link(r, p.Host, m.Name)
		})
	}
	return nil
}

// link gives a file one more name, whatever has that.
func link(r *os.Root, from, to string) error {
	if err := r.Link(from, newReal); err != nil {
		return err
	}
	return r.Rename(newReal, to)
}

// keptName is the name of what the shim starts.
func (b Bin) keptName() string {
	if b.Kept == Own {
		return runner.KeptWorkerName
	}
	return runner.RealWorkerName
}

// restore plans what gives the runner's own Worker the name again by which the shim is started.
func (p *planner) restore(name string, inUse bool) {
	from, behind := p.keptName(), name != runner.WorkerName
	more := p.Kept == Own && p.Real != Missing && name != runner.RealWorkerName && p.realIsOurs()
	if more && (behind || !inUse) { // before: if the power goes now, it is not taken for another tool's
		p.add("remove "+runner.RealWorkerName+": the runner's own Worker has another name too", func(r *os.Root) error {
			return r.Remove(runner.RealWorkerName)
		})
		more = false
	}
	where := "back in its place"
	if behind {
		where = "in place of " + name + ", which another tool starts"
	}
	what := "put the runner's own Worker " + where
	if from == runner.KeptWorkerName {
		what = "put " + p.whose(p.KeptIsHost) + " " + where
	}
	switch {
	case behind && from == runner.RealWorkerName: // which may be another tool's
		p.add(what, func(r *os.Root) error { return link(r, from, name) })
		return
	case !inUse:
		p.add(what, func(r *os.Root) error { return r.Rename(from, name) })
		return
	}
	names := []string{from}
	if more {
		names = []string{runner.RealWorkerName, from}
	}
	p.add(what, func(r *os.Root) error {
		err := link(r, from, name)
		if !oneName(err) {
			return err
		}
		if !behind && from == runner.KeptWorkerName && p.Real == Missing { // by which a start looks for it next
			if err := r.Symlink(name, runner.RealWorkerName); err != nil {
				return err
			}
			names = append(names, runner.RealWorkerName)
		}
		return r.Rename(from, name)
	})
	p.add("remove "+names[0], func(r *os.Root) error {
		time.Sleep(moment)
		return remove(r, names)
	})
}

// unkeep plans what removes the names that an install has given to the file in the Worker's place, or to one before.
func (p *planner) unkeep(kind Kind) {
	var names []string
	if p.realGoes(kind) {
		names = append(names, runner.RealWorkerName)
	}
	if p.Kept == Own || ours(p.Kept) {
		names = append(names, runner.KeptWorkerName)
	}
	p.add("remove "+names[0]+": "+p.whose(p.WorkerIsHost)+" is in its place", func(r *os.Root) error { return remove(r, names) })
}

func remove(r *os.Root, names []string) error {
	for _, name := range names {
		if err := r.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
