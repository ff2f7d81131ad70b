package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Uninstall gives the runners o.Layouts their own Workers back, as they were, and removes units and private folders.
// When no runner of the machine has the shim any more the binary goes too, unless it is a package's. A runner with a
// living wrapped Worker is left alone without o.Force, and so are all others that are given with it: see [run.look]. Of
// a runner only bin is needed; if .runner does not tell the work folder, config.sh's is looked at. One that is gone is
// taken off the list and out of systemd's care.
func Uninstall(o Options) Result {
	r := newRun(o)
	together := len(o.Layouts) > 1 && !o.Force
	if together && !r.look() {
		return r.Result
	}
	complete := true
	var out []wrapping
	for _, l := range o.Layouts {
		out = append(out, wrappingOf(l))
		if r.remove(l) {
			continue
		}
		complete = false
		if together && !o.DryRun {
			r.putBack(out)
			break
		}
	}
	if r.root && !o.BinOnly {
		r.forgetGone()
		if complete {
			r.unchooseAll()
			r.removeBinary()
		}
	}
	return r.Result
}

// remove takes the shim out of one runner, and reports whether it is gone without a trace.
func (r *run) remove(l runner.Layout) bool {
	before, steps := len(r.Failed)+len(r.NeedsRoot), r.Steps
	if !r.Force {
		living, err := r.living(l)
		switch {
		case err != nil:
			r.fail(err)
			return false
		case len(living) > 0:
			r.fail(fmt.Errorf("%s: left as it is, since wrapped Workers are alive (%s): wait for their end, or take it out under them: %s",
				l.Root, strings.Join(living, ", "), program.CommandOf(r.Self).On("uninstall --force", l.Root)))
			return false
		}
	}
	s, err := entry.Inspect(l)
	if err != nil {
		r.fail(err)
		return false
	}
	if r.Enabled(l.Root) && !r.root {
		r.needsRoot("systemd would put the shim back into %s: sudo %s uninstall%s", l.Root, r.Self, roots([]runner.Layout{l}))
		return false
	}
	if r.root && !r.BinOnly {
		r.tasks(r.UnitRemovals(l.Root)) // first: they would put the shim back
	}
	for _, b := range s.Bins {
		if b.Kind() == entry.Unclear {
			r.left("%s, which worker-wrap had kept when another tool put its own over %s: delete the one that is not needed", filepath.Join(b.Dir, runner.KeptWorkerName), filepath.Join(b.Dir, runner.WorkerName))
		}
		plan := entry.Unwrap
		if b.Current {
			plan = entry.UnwrapInUse
		}
		switch err := r.change(l, b, plan); {
		case errors.Is(err, errNotAllowed):
			r.needsRoot("%v: sudo %s uninstall%s", err, r.Self, roots([]runner.Layout{l}))
		case err != nil:
			r.fail(err)
		}
	}
	r.removeStores(l)
	if there, ok := r.elsewhere(l); ok {
		r.removeStore(there, perpid.Path(there.Temp))
	}
	r.removeRecord(l)
	r.tasks(unchoose(filepath.Join(l.Root, settings.RunnerFile), func(change func(string) string) error { return r.editOwn(l, change) }))
	if _, err := os.Lstat(l.Work); l.Guessed && err != nil && r.Steps > steps && len(s.Bins) > 0 {
		r.left("what Workers left in the work folder of %s (%s, beside _temp): .runner does not tell where that is, and it is not %s", l.Root, perpid.StoreName, l.Work)
	}
	if len(r.Failed)+len(r.NeedsRoot) > before {
		return false
	}
	tasks, err := r.UnlistTasks(l.Root, "take "+l.Root+" off the list of runners that have worker-wrap")
	if len(tasks) > 0 && !r.root {
		r.needsRoot("%s still stands in the list of runners, and has its units: sudo %s uninstall%s", l.Root, r.Self, roots([]runner.Layout{l}))
	} else {
		r.plan(tasks, err)
	}
	return len(r.Failed)+len(r.NeedsRoot) == before
}

// removeRecord removes the records of Workers. That of starts stays: without it an audit of the runner's logs would take
// each overlap that was harmless for one that cost a job its files.
func (r *run) removeRecord(l runner.Layout) {
	var tasks []machine.Task
	noted, _ := filepath.Glob(filepath.Join(l.Diag(), left.Prefix+"*"))
	for _, path := range noted {
		tasks = append(tasks, machine.Task{What: "remove " + path, Do: func() error {
			diag, err := r.folder(l, l.Diag())
			if err != nil {
				return err
			}
			defer diag.Close()
			return os.Remove(filepath.Join(untrusted.Through(diag), filepath.Base(path)))
		}})
	}
	if _, living, err := inPlain(l); err == nil && !living && inplain.Exists(l.Work, l.Diag()) {
		tasks = append(tasks, machine.Task{What: "remove the record of who was alone in " + l.Work, Do: func() error {
			work, err := r.folder(l, l.Work)
			if err != nil {
				return err
			}
			defer work.Close()
			diag, err := r.folder(l, l.Diag())
			if err != nil {
				return err
			}
			defer diag.Close()
			return inplain.Forget(work, diag)
		}})
	}
	r.tasks(tasks)
}

// removeBinary takes the binary off the machine, if no runner leads to it any more.
func (r *run) removeBinary() {
	if len(r.users()) > 0 || r.Packaged() {
		return
	}
	r.tasks(r.RemovalTasks())
}

// forgetGone takes off the list, and out of systemd's care, what is no runner any more.
func (r *run) forgetGone() {
	gone, err := r.Gone()
	if err != nil {
		r.fail(err)
		return
	}
	for _, root := range gone {
		if slices.ContainsFunc(r.Layouts, func(l runner.Layout) bool { return l.Root == root }) {
			continue // see remove
		}
		r.tasks(r.UnitRemovals(root))
		r.plan(r.UnlistTasks(root, "take "+root+", which has no runner any more, off the list of runners that have worker-wrap"))
	}
}

// users are the runners of the machine that have the shim, or of which that cannot be told; in a dry run those that
// would have it.
func (r *run) users() []string {
	seen := map[string]bool{}
	for _, f := range discover.All(r.Root) {
		seen[f.Layout.Root] = true
	}
	listed, _ := r.Listed()
	for _, root := range listed {
		seen[root] = true
	}
	if r.DryRun {
		for _, l := range r.Layouts {
			delete(seen, l.Root)
		}
	}
	var out []string
	for root := range seen {
		// The bin folders tell, whatever .runner says.
		if has, err := hasShim(runner.Unconfigured(root)); has || err != nil && !runner.Missing(err) {
			out = append(out, root)
		}
	}
	return out
}
