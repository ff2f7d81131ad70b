package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/runner"
	"github.com/worker-wrap/worker-wrap/internal/survey"
)

// Options say what an install or uninstall is to do.
type Options struct {
	Machine
	Layouts []runner.Layout
	// DryRun only lists the steps.
	DryRun bool
	// BinOnly leaves the binary, the units and the list alone.
	BinOnly bool
	// Force takes the shim out though wrapped Workers live.
	Force bool
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
}

type run struct {
	Options
	Result
	root    bool
	careful bool // see keepSteps
}

func newRun(o Options) *run { return &run{Options: o, root: os.Geteuid() == 0} }

func (r *run) done(what string) {
	r.Steps++
	r.Say(what)
}

func (r *run) fail(err error) { r.Failed = append(r.Failed, err) }

func (r *run) needsRoot(format string, args ...any) {
	r.NeedsRoot = append(r.NeedsRoot, fmt.Sprintf(format, args...))
}

// tasks does each, and reports whether all could be done.
func (r *run) tasks(tasks []task) bool {
	for _, t := range tasks {
		if !r.DryRun {
			if err := t.do(); errors.Is(err, fs.ErrPermission) && !r.root {
				r.needsRoot("could not %s: sudo does", t.what)
				return false
			} else if err != nil {
				r.fail(fmt.Errorf("could not %s: %w", t.what, err))
				return false
			}
		}
		r.done(t.what)
	}
	return true
}

// change does in one bin folder what plan makes of it.
func (r *run) change(b Bin, plan func(Bin) ([]Step, error)) error {
	now, err := InspectBin(b.Dir) // it may have changed since b was seen
	if err != nil {
		return err
	}
	steps, err := plan(now)
	if err != nil || len(steps) == 0 {
		return err
	}
	if !r.root && unix.Access(b.Dir, unix.W_OK) != nil {
		return errNotAllowed
	}
	if r.DryRun {
		for _, s := range steps {
			r.done(s.What)
		}
		return nil
	}
	return change(b.Dir, plan, func(s Step) { r.done(s.What) })
}

var errNotAllowed = errors.New("not yours to change")

// Install puts the shim into the runners o.Layouts. What is as it should be is left alone. A runner that
// cannot be helped does not keep the others from it.
func Install(o Options) Result {
	r := newRun(o)
	place := o.Place()
	if r.root && !o.BinOnly {
		tasks, err := o.placeTasks()
		if err != nil {
			r.fail(err)
			return r.Result
		}
		if !r.tasks(tasks) {
			return r.Result
		}
	}
	good := o.DryRun && r.root && !o.BinOnly // it would be there
	if !good {
		found, err := o.Usable()
		if found != "" {
			place, good = found, true
		} else if !r.root || o.BinOnly {
			r.needsRoot("%v: sudo %s install%s", err, o.Self, roots(o.Layouts))
		} else {
			r.fail(err)
		}
	}
	var kept []runner.Layout
	for _, l := range o.Layouts {
		switch err := r.keep(l, place, good); {
		case errors.Is(err, errNotAllowed):
			r.needsRoot("%s is not yours to change: sudo %s install%s", l.Root, o.Self, roots([]runner.Layout{l}))
		case err != nil:
			r.fail(err)
			if hasShim(l) {
				kept = append(kept, l) // it needs the binary, and an uninstall is to find it
			}
		case good:
			kept = append(kept, l)
		}
	}
	r.settle(kept)
	return r.Result
}

// keep brings one runner's bin folders to where they should be.
func (r *run) keep(l runner.Layout, place string, good bool) error {
	s, err := Inspect(l)
	if err != nil {
		return err
	}
	if len(s.Bins) == 0 || !s.Bins[0].Current {
		return &NoBinError{l}
	}
	if !good {
		return nil // said once, for all
	}
	for _, b := range s.Bins {
		plan := func(now Bin) ([]Step, error) {
			now.Current, now.Waiting = b.Current, b.Waiting
			return keepSteps(now, s.phase, r.careful, place)
		}
		if err := r.change(b, plan); err != nil {
			if !errors.As(err, new(*LostError)) || !r.restore(l, b) {
				return err
			}
			if err := r.change(b, plan); err != nil && !r.DryRun {
				return err
			}
		}
	}
	return nil
}

// settle notes the runners in the list, and has systemd look after them.
func (r *run) settle(layouts []runner.Layout) {
	if r.BinOnly || len(layouts) == 0 {
		return
	}
	if !r.root {
		listed, _ := r.listed()
		for _, l := range layouts {
			if !slices.Contains(listed, l.Root) {
				r.needsRoot("%s is not yet kept through the runner's self-updates, and a removal of worker-wrap would not find it: sudo %s install%s", l.Root, r.Self, roots([]runner.Layout{l}))
			}
		}
		return
	}
	for _, l := range layouts {
		t, err := r.listTask(with(l.Root), "note "+l.Root+" in the list of runners that have worker-wrap")
		if err != nil {
			r.fail(err)
		} else if t != nil {
			r.tasks([]task{*t})
		}
	}
	if !r.systemd() {
		return
	}
	tasks, err := r.unitTasks(layouts)
	if err != nil {
		r.fail(err)
		return
	}
	r.tasks(tasks)
}

// Usable returns an installed binary that the runners can use: the one in m's place, else a package's or
// one in the usual prefix. The error says why there is none.
func (m Machine) Usable() (string, error) {
	var first error
	for _, place := range []string{m.Place(), m.path(packaged), filepath.Join(m.path(DefaultPrefix), inPrefix)} {
		b := survey.BinaryAt(place)
		var err error
		switch {
		case b.Path != place:
			err = fmt.Errorf("worker-wrap is not installed as %s", place)
		case b.Nosuid || b.Noexec:
			err = usable(place)
		case b.UID != 0:
			err = fmt.Errorf("%s does not belong to root", place)
		case !b.SysAdmin:
			err = fmt.Errorf("%s lacks the file capability cap_sys_admin+ep", place)
		}
		if err == nil {
			return place, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", first
}

// Systemd reports whether the machine runs systemd, so that an install's path units look after updates.
func (m Machine) Systemd() bool { return m.systemd() }

func hasShim(l runner.Layout) bool {
	s, err := Inspect(l)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.Bins, func(b Bin) bool { return b.Worker == Shim || b.Worker == Dangling })
}

// roots are the options of a command line that name the given runners.
func roots(layouts []runner.Layout) string {
	out := ""
	for _, l := range layouts {
		out += " --runner-root " + quote(l.Root)
	}
	return out
}
