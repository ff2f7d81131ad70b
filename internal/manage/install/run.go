package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
)

// Options say what an install or uninstall is to do.
type Options struct {
	machine.Machine
	Layouts []runner.Layout
	// DryRun only lists the steps.
	DryRun bool
	// BinOnly leaves the binary, the units and the list alone.
	BinOnly bool
	// Force takes the shim out though wrapped Workers live, and puts it in though a start would be refused.
	Force bool
	// Isolate is which Workers an install has isolated, a value of WORKER_WRAP_ISOLATE; "" is [Alone] unless somebody has
	// chosen already.
	Isolate string
	// Hold leaves keepers, see [run.hold]. A keeper becomes worker-wrap, so no other program may have them left.
	Hold bool
	// Say is given what is done, one line at a time; in a dry run what would be done.
	Say func(line string)
}

// Result is how it went.
type Result struct {
	Steps int // done, or in a dry run to be done
	// NeedsRoot tells what was left undone for lack of rights, and the command that does it.
	NeedsRoot []string
	// Failed tells what could not be done at all.
	Failed []error
	// Left tells what an uninstall leaves, or would, and why.
	Left []string
	// Warnings tell what was done, and is not well.
	Warnings []string
}

type run struct {
	Options
	Result
	root   bool
	keeper *Keeper          // where a watch looks, which is to be careful: see [entry.State.Wrap]
	tried  map[string]error // why a start that was tried in the runner with that root was refused, nil if it was not
}

func newRun(o Options) *run {
	return &run{Options: o, root: os.Geteuid() == 0, tried: map[string]error{}}
}

func (r *run) done(what string) {
	r.Steps++
	r.Say(what)
}

func (r *run) fail(err error) { r.Failed = append(r.Failed, err) }

func (r *run) left(format string, args ...any) { r.Left = append(r.Left, fmt.Sprintf(format, args...)) }

func (r *run) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

func (r *run) needsRoot(format string, args ...any) {
	r.NeedsRoot = append(r.NeedsRoot, fmt.Sprintf(format, args...))
}

// plan does what was planned, and notes what could not be planned.
func (r *run) plan(tasks []machine.Task, err error) {
	if err != nil {
		r.fail(err)
	}
	r.tasks(tasks)
}

// tasks does each, and reports whether all could be done.
func (r *run) tasks(tasks []machine.Task) bool {
	for _, t := range tasks {
		if !r.DryRun {
			if err := t.Do(); errors.Is(err, fs.ErrPermission) && !r.root {
				r.needsRoot("could not %s: sudo does", t.What)
				return false
			} else if err != nil {
				r.fail(fmt.Errorf("could not %s: %w", t.What, err))
				return false
			}
		}
		r.done(t.What)
	}
	return true
}

// change does a plan in one bin folder of a runner. It looks first: what needs no change needs no lock and no rights.
func (r *run) change(l runner.Layout, b entry.Bin, plan entry.Plan) error {
	folder, err := r.bin(l, b)
	if err != nil {
		return err
	}
	defer folder.Close()
	steps, err := plan.Steps(folder)
	if err != nil || len(steps) == 0 {
		return err
	}
	if !r.root && unix.Access(untrusted.Through(folder), unix.W_OK) != nil {
		return fmt.Errorf("%s is %w", l.Root, errNotAllowed)
	}
	if r.DryRun {
		for _, s := range steps {
			r.done(s.What)
		}
		return nil
	}
	err = plan.Do(folder, func(s entry.Step) { r.done(s.What) })
	if errors.As(err, new(*entry.OwnerError)) {
		return fmt.Errorf("%w, and %w", err, errNotAllowed)
	}
	return err
}

var errNotAllowed = errors.New("not yours to change")
