package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

// living names the wrapped Workers of a runner that are alive, or may be.
func (r *run) living(l runner.Layout) ([]string, error) {
	var out []string
	seen := map[int]bool{}
	alive, _, err := workers.List()
	if err != nil {
		return nil, err
	}
	for _, w := range alive {
		if rootOf(w) == l.Root || w.In(l) {
			seen[w.PID] = true
			out = append(out, fmt.Sprintf("PID %d", w.PID))
		}
	}
	for _, path := range perpid.Paths(l.Root, l.Temp) {
		entries, _, err := storeAt(path)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			switch {
			case e.What != "" || seen[e.Owner.PID] || abandoned(e):
			case e.Verdict == perpid.Living:
				out = append(out, fmt.Sprintf("PID %d", e.Owner.PID))
			case e.Verdict == perpid.Unknown:
				out = append(out, "perhaps the owner of "+e.Path+", in another PID namespace or on another machine")
			}
		}
	}
	o, ok, err := inPlain(l)
	if ok && !seen[o.PID] {
		out = append(out, fmt.Sprintf("PID %d, in the plain _temp", o.PID))
	}
	return out, err
}

// inPlain returns the living Worker that a start has let into the plain _temp since it was alone there. Without the shim
// the next Worker would join it.
func inPlain(l runner.Layout) (o perpid.Owner, ok bool, err error) {
	self, err := perpid.Self()
	if err != nil {
		return o, false, err
	}
	if o, ok := inplain.Named(l.Work, l.Diag(), self); ok && perpid.NewJudge(self, false).Verdict(o, time.Now()) == perpid.Living {
		return o, true, nil
	}
	store, err := perpid.Open(perpid.Path(l.Temp))
	if errors.Is(err, fs.ErrNotExist) {
		return o, false, nil
	}
	if err != nil {
		return o, false, err
	}
	defer store.Close()
	o, ok = store.Claimant(perpid.NewJudge(self, store.Remote()))
	return o, ok, nil
}

// rootOf is the root of a Worker's runner, even if that has no .runner any more; "" if a person started it.
func rootOf(w workers.Worker) string {
	if w.Runner != "" || !runner.IsWorker(w.Command) {
		return w.Runner
	}
	root, err := filepath.EvalSymlinks(filepath.Dir(filepath.Dir(w.Command)))
	if err != nil {
		return ""
	}
	if is, err := runner.InBin(fmt.Sprintf("/proc/%d", w.PID), w.Command, root); !is || err != nil {
		return "" // another container's
	}
	return root
}

// storeAt lists the private folders of one store. The judge is nil if there is none.
func storeAt(path string) ([]perpid.Entry, *perpid.Judge, error) {
	store, err := perpid.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	defer store.Close()
	return store.Judged()
}

// unused is how long an empty folder is one of a Worker's that may have just been started.
const unused = 10 * time.Minute

// abandoned reports whether a folder is of a start that came to nothing, though its owner cannot be judged from here: a
// Worker fills its _temp within moments. A container that was started again has such folders of its former life.
func abandoned(e perpid.Entry) bool {
	if e.Verdict != perpid.Unknown || e.What != "" {
		return false
	}
	st, err := os.Lstat(e.Path)
	if err != nil || !st.IsDir() || time.Since(st.ModTime()) < unused {
		return false
	}
	inside, err := os.ReadDir(e.Path)
	return err == nil && len(inside) == 0
}

// elsewhere returns the layout with the work folder that a runner's service has in its view by BindPaths=. ok is false
// if that is the one that this process sees.
func (r *run) elsewhere(l runner.Layout) (_ runner.Layout, ok bool) {
	m := survey.System{Root: r.Root}
	u := m.Service(l)
	source, ok := u.Source(m.Inside(l.Work))
	source = r.Path(source)
	l.Work, l.Temp = source, filepath.Join(source, filepath.Base(l.Temp))
	return l, ok
}

// removeStores removes what Workers left, and the stores themselves. The folders of those that live on stay.
func (r *run) removeStores(l runner.Layout) {
	for _, path := range perpid.Paths(l.Root, l.Temp) {
		r.removeStore(l, path)
	}
}

func (r *run) removeStore(l runner.Layout, path string) {
	entries, judge, err := storeAt(path)
	switch {
	case err != nil:
		r.fail(err)
		return
	case judge == nil:
		return
	}
	stay := perpid.Staying(slices.DeleteFunc(slices.Clone(entries), abandoned))
	what := "remove " + path
	if stay > 0 {
		what = fmt.Sprintf("empty %s, but for what living Workers use", path)
	}
	r.tasks([]machine.Task{{What: what, Do: func() error {
		work, err := r.folder(l, filepath.Dir(path))
		if err != nil {
			return err
		}
		defer work.Close()
		store, err := perpid.OpenIn(work)
		if err != nil {
			return err
		}
		defer store.Close()
		for _, e := range entries {
			if abandoned(e) {
				_ = store.Discard(e.Path) // unless something is in it
			}
		}
		stay, err = store.Dissolve(judge) // a Worker may have started since
		return err
	}}})
	if stay > 0 {
		r.left("%s, in use by %s; worker-wrap uninstall once more removes it after that", path, screen.Count(stay, "living Worker"))
	}
}
