package install

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Install puts the shim into the runners o.Layouts. A runner that is as it should be is left alone. A runner that
// cannot be helped does not keep the others from it. If a runner has no shim yet, a start is tried before anything is
// changed. If that is refused, the runner stays as it is, unless o.Force is set.
func Install(o Options) Result {
	defer unix.Umask(unix.Umask(0o022)) // what it makes is for the runners' users too, whatever root's own files are
	r := newRun(o)
	place, layouts := o.Place(), o.Layouts
	if r.root && !o.BinOnly {
		tasks, err := o.PlaceTasks()
		if err == nil && len(tasks) > 0 {
			layouts, err = r.tryStaged()
		}
		if err != nil {
			r.fail(err)
			return r.Result
		}
		if len(layouts) == 0 && len(o.Layouts) > 0 || !r.tasks(tasks) {
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
	if good {
		r.try(layouts, place) // all that are alike at once
		r.warnOfLinks(place)
	}
	var kept, whole []runner.Layout
	for _, l := range layouts {
		switch err := r.keep(l, place, good); {
		case errors.Is(err, errNotAllowed):
			r.needsRoot("%v: sudo %s install%s", err, o.Self, roots([]runner.Layout{l}))
		case err != nil:
			r.fail(err)
			if has, _ := hasShim(l); has {
				kept = append(kept, l) // it needs the binary, and an uninstall is to find it
			}
		case good:
			kept, whole = append(kept, l), append(whole, l)
			r.warnOfWorker(l)
			if err := r.hold(l); err != nil {
				r.warn("%s: nothing keeps starts in other containers, or of other runners with its work folder, out of the _temp of a Worker that lives now: %v", l.Root, err)
			}
		}
	}
	r.settle(kept)
	r.choose(whole)
	return r.Result
}

// keep brings one runner's bin folders to where they should be.
func (r *run) keep(l runner.Layout, place string, good bool) error {
	s, err := entry.Inspect(l)
	if err != nil {
		return err
	}
	if len(s.Bins) == 0 || !s.Bins[0].Current {
		return &entry.NoBinError{Layout: l}
	}
	if !good {
		return nil // said once, for all
	}
	if err := runnable(place, l); err != nil {
		return err
	}
	if r.try([]runner.Layout{l}, place); r.tried[l.Root] != nil {
		return r.tried[l.Root]
	}
	for _, b := range s.Bins {
		plan := func(now entry.Bin) ([]entry.Step, error) {
			now.Current, now.Waiting = b.Current, b.Waiting
			if r.keeper != nil && r.keeper.replacing(now) {
				return nil, nil
			}
			if r.keeper != nil && now.Current && r.keeper.takenOut(now) { // by whom this run has just waited for
				return nil, ErrTakenOut
			}
			return s.Wrap(now, r.keeper != nil, place)
		}
		if err := r.change(l, b, plan); err != nil {
			return err
		}
	}
	return nil
}

// warnOfWorker warns of a runner that starts no job, whether it has the shim or not.
func (r *run) warnOfWorker(l runner.Layout) {
	who := survey.System{Root: r.Root}.Starter(l)
	s, _ := entry.Inspect(l)
	for _, b := range s.Bins {
		if err := b.Runnable(who.UID); err != nil && (b.Current || b.Waiting && !s.Copying) {
			r.warn("%s: no job can start: %v", l.Root, err)
		}
	}
	if err := survey.Unmade(l, who.UID, &who.Unit); err != nil {
		r.warn("%s: no job can run: %v", l.Root, err)
	}
	if empty := survey.Empty(l); len(empty) > 0 {
		r.warn("%s: no job can start: 0 bytes long: %s: unpack the runner's release again over it, then: sudo %s install%s", l.Root, strings.Join(empty, ", "), r.Self, roots([]runner.Layout{l}))
	}
}

// warnOfLinks warns of a place to which only links can lead: what root copies over one is written into the program.
func (r *run) warnOfLinks(place string) {
	if _, scripted := runner.Entry(place); !scripted && len(r.Layouts) > 0 {
		r.warn("%s has a blank or is longer than 244 bytes, so that no script can start it and Runner.Worker is a link to it: who copies a release over a runner as root (cp -r) writes over it, for all runners; choose another place with --prefix DIR",
			visible.Word(place))
	}
}

// runnable refuses a place from which the runner's user could start no program: a link to it would hang every job.
func runnable(place string, l runner.Layout) error {
	who := survey.System{}.Starter(l)
	barred := users.BarredFrom(place, who.UID)
	if barred == "" {
		return nil
	}
	return fmt.Errorf("%s: %s, whose Workers these are, could not run %s because of the mode of %s, and no job would start: sudo chmod a+x %s, or choose another place with --prefix DIR",
		l.Root, who.User, place, barred, visible.Word(barred))
}

// settle notes the runners in the list, and has systemd look after them.
func (r *run) settle(layouts []runner.Layout) {
	if r.BinOnly || len(layouts) == 0 {
		return
	}
	if !r.root {
		listed, _ := r.Listed()
		for _, l := range layouts {
			if !slices.Contains(listed, l.Root) {
				r.needsRoot("%s is not yet kept through the runner's self-updates, and a removal of worker-wrap would not find it: sudo %s install%s", l.Root, r.Self, roots([]runner.Layout{l}))
			} else if p := (systemd.Machine{Root: r.Root}).PathUnit(l.Root); r.Systemd() && p.Trouble() != "" {
				r.needsRoot("%s is not kept through the runner's self-updates: its path unit %s %s: sudo %s install%s", l.Root, p.Name, p.Trouble(), r.Self, roots([]runner.Layout{l}))
			}
		}
		return
	}
	for _, l := range layouts {
		r.plan(r.ListTasks(l.Root))
	}
	if !r.Systemd() {
		return
	}
	r.plan(r.UnitTasks(layouts))
}

func hasShim(l runner.Layout) (bool, error) {
	s, err := entry.Inspect(l)
	return slices.ContainsFunc(s.Bins, entry.Bin.HasShim), err
}

// roots are the options of a command line that name the given runners.
func roots(layouts []runner.Layout) string {
	out := ""
	for _, l := range layouts {
		out += " --runner-root " + visible.Word(l.Root)
	}
	return out
}
