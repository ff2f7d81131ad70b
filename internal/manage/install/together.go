package install

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// look reports whether the shim can be taken out of each of several runners, and changes nothing. It says why a runner
// stands in the way. It is taken out of all or of none: who removes worker-wrap from a machine and is refused keeps it,
// and its runners are not to go on without.
func (r *run) look() bool {
	o := r.Options
	o.DryRun, o.Say = true, func(string) {}
	dry := newRun(o)
	var free []runner.Layout
	for _, l := range o.Layouts {
		if dry.remove(l) {
			free = append(free, l)
		}
	}
	if len(free) == len(o.Layouts) {
		return true
	}
	r.Failed, r.NeedsRoot = dry.Failed, dry.NeedsRoot
	if len(free) > 0 {
		r.left("%s as they are too, since uninstall changes all the given runners or none; to have it out of these: %s uninstall%s",
			names(free), r.Self, roots(free))
	}
	return false
}

func names(layouts []runner.Layout) string {
	var out []string
	for _, l := range layouts {
		out = append(out, l.Root)
	}
	return strings.Join(out, ", ")
}

// wrapping is how a runner had the shim before it was taken out.
type wrapping struct {
	runner.Layout
	has    bool
	target string // where its links lead
	chosen string // what an install has set in its own file, "" if nothing
}

func wrappingOf(l runner.Layout) wrapping {
	w := wrapping{Layout: l}
	if data, err := untrusted.Head(filepath.Join(l.Root, settings.RunnerFile), settings.MaxSize); err == nil {
		_, w.chosen = withoutSetting(string(data))
	}
	s, _ := entry.Inspect(l)
	for _, b := range s.Bins {
		if b.Worker == entry.Shim && !w.has {
			w.has, w.target = true, b.Target
		}
	}
	return w
}

// putBack puts the shim back into runners that have just lost it: another one that was given with them got a Worker
// after all were looked at.
func (r *run) putBack(all []wrapping) {
	var back []runner.Layout
	for _, w := range slices.Backward(all) {
		if !w.has {
			continue
		}
		if w.target == "" {
			w.target = r.Place()
		}
		r.tried[w.Root] = nil // it was wrapped
		if err := r.keep(w.Layout, w.target, true); err != nil {
			r.fail(err)
			continue
		}
		back = append(back, w.Layout)
		if w.chosen != "" {
			r.chooseFor(w.Layout, w.chosen, survey.Variable{})
		}
	}
	r.settle(back)
}
