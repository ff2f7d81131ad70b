package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/confine"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/trial"
	settings "github.com/worker-wrap/worker-wrap/internal/start/plan"
)

// wrapped reports whether a runner has the shim, or had it until an update or a person put something else there. What
// it does then is not refused for want of isolation: its starts say so themselves.
func (r *run) wrapped(l runner.Layout, s entry.State) bool {
	has := slices.ContainsFunc(s.Bins, func(b entry.Bin) bool {
		return b.Worker == entry.Shim || b.Worker == entry.Dangling || b.Kind() == entry.Unlinked
	})
	if has {
		return true
	}
	listed, err := r.Listed()
	return err == nil && slices.Contains(listed, l.Root)
}

// try starts binary, a worker-wrap, in those of the runners that are not yet wrapped: as their users, with their settings,
// and where the machine's own unit files name a service, as systemd would start that. r.tried has what came of it.
func (r *run) try(layouts []runner.Layout, binary string) {
	var places []trial.Places
	var of []survey.Starter
	for _, l := range r.untried(layouts) {
		who := survey.System{Root: r.Root}.Starter(l)
		p := trial.Places{Layout: l, Binary: binary, UID: who.UID, Env: who.Env}
		switch {
		case who.Led != nil:
			r.tried[l.Root] = who.Led
		case p.UID < 0:
			r.tried[l.Root] = r.refused(l, who.User, fmt.Errorf("this machine knows no user %s, who is to run it: correct User= in the unit", visible.Word(who.User)))
		case !trial.Possible(p.UID):
			r.tried[l.Root] = fmt.Errorf("%s is %w", l.Root, errNotAllowed)
		default:
			p.In = trial.UnitOf(&who.Unit)
			places, of = append(places, p), append(of, who)
		}
	}
	for i, t := range trial.All(places) {
		l := places[i].Layout
		if t.Left != nil {
			r.warn("a start that was tried in %s has left something there: %v", l.Root, t.Left)
		}
		why := r.byUnit(places[i], &of[i].Unit, t.Refused)
		if why == nil {
			why = r.byListener(places[i], &of[i])
		}
		r.tried[l.Root] = r.refused(l, of[i].User, why)
	}
}

// byListener is the error of what the Listener that runs takes from its Workers, though a start beside it went well. It
// warns of what may keep them from a _temp of their own, unless that start was made as systemd starts the service.
func (r *run) byListener(p trial.Places, who *survey.Starter) error {
	for _, res := range checks.OfListener(p.Layout, who) {
		says := fmt.Sprintf("%s: %s; %s", res.What, res.Why, res.Mend)
		if res.Level == checks.Fail {
			return errors.New(says)
		}
		if p.In.Name == "" {
			r.warn("%s: %s", p.Layout.Root, says)
		}
	}
	return nil
}

// byUnit has a refusal name the settings of the unit that explain it, and how to take those out, instead of a start's
// guess. If no start can be tried as systemd starts the unit, it warns of them.
func (r *run) byUnit(p trial.Places, u *systemd.Unit, refused error) error {
	if refused == nil && p.In.Not != "" {
		r.warn("%s: no start was tried as systemd starts the unit %s, which has %s", p.Layout.Root, u.Name, p.In.Not)
	}
	version := 0
	if refused != nil || !p.In.InPlace {
		version = systemd.Machine{Root: r.Root}.Version()
	}
	if version == 0 { // what they do depends on it
		return refused
	}
	chosen, _ := settings.ParseSettings(p.Env)
	service := confine.Service{Unit: *u, Layout: p.Layout, UID: p.UID, Userns: chosen.Policy.Userns, Shim: r.Place()}
	all := service.Obstacles(version)
	if len(all) == 0 {
		return refused
	}
	says := fmt.Sprintf("the unit %s has %s, %s: %s", u.Name, all[0].Setting, all[0].What, confine.Mend(u, all))
	if refused == nil {
		r.warn("%s: %s", p.Layout.Root, says)
		return nil
	}
	fact, _, _ := strings.Cut(refused.Error(), "; ")
	return fmt.Errorf("%s; %s", fact, says)
}

// untried are those runners in which a start is to be tried. What else is wrong with one is said later.
func (r *run) untried(layouts []runner.Layout) (out []runner.Layout) {
	for _, l := range layouts {
		s, err := entry.Inspect(l)
		_, known := r.tried[l.Root]
		if known || r.DryRun || err != nil || len(s.Bins) == 0 || s.Bins[0].Kind() == entry.Empty || r.wrapped(l, s) {
			continue
		}
		out = append(out, l)
	}
	return out
}

// refused is the error that a runner is left as it is for, and with Force a warning only.
func (r *run) refused(l runner.Layout, user string, why error) error {
	switch {
	case why == nil:
		return nil
	case r.Force:
		r.warn("%s: no job of %s gets a _temp of its own as things are, and worker-wrap is put in place all the same (--force): %v", l.Root, visible.Word(user), why)
		return nil
	}
	return &RefusedError{l.Root, user, why, program.CommandOf(r.Self)}
}

// staged is the name, beside the binary's place, of the copy that is tried before the binary is put there.
const staged = "." + program.Name + ".trial"

// tryStaged tries a start in each runner that is not yet wrapped, with the binary that is about to be put in place. It
// returns the runners that are not refused. Of the copy nothing is left.
func (r *run) tryStaged() (accepted []runner.Layout, err error) {
	if len(r.untried(r.Layouts)) == 0 {
		return r.Layouts, nil
	}
	dir := filepath.Dir(r.Place())
	binary := filepath.Join(dir, staged)
	above := existing(dir)
	defer func() {
		if rerr := os.Remove(binary); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) && err == nil {
			err = rerr
		}
		for ; dir != above; dir = filepath.Dir(dir) {
			_ = os.Remove(dir) // unless something is in it
		}
	}()
	if err := program.Place(r.Self, binary); err != nil {
		return nil, err
	}
	r.try(r.Layouts, binary)
	for _, l := range r.Layouts {
		if err := r.tried[l.Root]; err != nil {
			r.fail(err)
			continue
		}
		accepted = append(accepted, l)
	}
	return accepted, nil
}

// existing is the nearest folder above path, or path itself, that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// RefusedError says that a start in a runner that is not yet wrapped would be refused.
type RefusedError struct {
	Root string
	User string
	Err  error // why, and what to do about it
	Self program.Command
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s is left as it is, since worker-wrap could give no job of %s a _temp of its own: %v; mend that, or put it in place all the same, as in an image that is built for another machine: %s",
		e.Root, visible.Word(e.User), e.Err, e.Self.On("install --force", e.Root))
}

func (e *RefusedError) Unwrap() error { return e.Err }
