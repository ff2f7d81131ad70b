package install

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// aWrappedJob starts a Worker of a runner whose own is a shell, and returns how it is ended.
func aWrappedJob(t *testing.T, l runner.Layout, settings ...string) (end func()) {
	t.Helper()
	cmd := asNobody(scratch.WorkerIn(l.Bin()), "-c", `echo there && read -r end`)
	cmd.Env = append(os.Environ(), settings...)
	in, out := testkit.Talk(t, cmd)
	end = func() {
		if cmd.ProcessState == nil {
			in.Close()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(end)
	if _, err := io.ReadFull(out, make([]byte, len("there\n"))); err != nil {
		t.Fatal(err)
	}
	return end
}

// TestUninstallUnderOneThatIsAlone: a Worker in the plain _temp keeps the shim in its runner, since the next one would
// join it there. When it has ended nothing of its start stays.
func TestUninstallUnderOneThatIsAlone(t *testing.T) {
	testkit.RequireRoot(t)
	for what, isolates := range map[string]bool{"by its settings": true, "since no mount can be made": false} {
		m := aMachine(t)
		l := scratch.Runner(t, m.Root, "r", "", "/bin/sh")
		before := scratch.Tree(t, m.Root)
		o := Options{Machine: m, Layouts: []runner.Layout{l}}
		output(&o)
		good(t, "install", Install(o))
		settings := []string{"WORKER_WRAP_ISOLATE=alone"}
		if !isolates {
			settings = nil
			if err := os.Remove(m.Place()); err != nil {
				t.Fatal(err)
			}
			if data, err := os.ReadFile(testkit.Binary(t)); err != nil || os.WriteFile(m.Place(), data, 0o755) != nil { // it has no capability
				t.Fatal(err)
			}
		}
		end := aWrappedJob(t, l, settings...)
		if r := Uninstall(o); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "wrapped Workers are alive") || r.Steps != 0 {
			t.Errorf("alone %s: %+v", what, r)
		}
		end()
		good(t, "uninstall", Uninstall(o))
		scratch.Same(t, "alone "+what, scratch.Tree(t, m.Root), before)
	}
}

// three makes a machine with three runners that have the shim, and returns what was there before, and how to take it out
// of all.
func three(t *testing.T) (before map[string]string, o Options) {
	t.Helper()
	testkit.RequireRoot(t)
	m := aMachine(t)
	o = Options{Machine: m}
	for _, name := range []string{"a", "b", "c"} {
		o.Layouts = append(o.Layouts, scratch.Runner(t, m.Root, name, "2.336.0", "/bin/sh"))
	}
	before = scratch.Tree(t, m.Root)
	output(&o)
	good(t, "install", Install(o))
	return before, o
}

// TestUninstallIsOfAllOrNone: a job in one of three runners keeps the shim, the units and the list as they are in all of
// them; a dry run says the same. When it has ended all three are what they were.
func TestUninstallIsOfAllOrNone(t *testing.T) {
	before, o := three(t)
	for i := range o.Layouts {
		busy := o.Layouts[i]
		end := aWrappedJob(t, busy)
		wrapped := scratch.Tree(t, o.Root)
		for _, dry := range []bool{true, false} {
			o.DryRun = dry
			said := output(&o)
			r := Uninstall(o)
			if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), busy.Root+": left as it is, since wrapped Workers are alive") || r.Steps != 0 || len(*said) != 0 {
				t.Errorf("dry %v: %+v, %q", dry, r, *said)
			}
			if len(r.Left) != 1 || strings.Contains(r.Left[0], busy.Root) || strings.Count(r.Left[0], " --runner-root ") != 2 {
				t.Errorf("left: %q", r.Left)
			}
			scratch.Same(t, "an uninstall that was refused", scratch.Tree(t, o.Root), wrapped)
		}
		end()
	}
	o.DryRun = false
	output(&o)
	good(t, "uninstall", Uninstall(o))
	scratch.Same(t, "uninstall", scratch.Tree(t, o.Root), before)
}

// TestUninstallPutsBack: a job that starts in the last runner while the first loses its shim is why that has it again.
func TestUninstallPutsBack(t *testing.T) {
	_, o := three(t)
	wrapped := scratch.Tree(t, o.Root)
	last := o.Layouts[2]
	var once bool
	o.Say = func(line string) {
		if !once && strings.Contains(line, o.Layouts[0].Root+"/bin") {
			once = true
			aWrappedJob(t, last)
		}
	}
	r := Uninstall(o)
	if !once || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), last.Root+": left as it is") {
		t.Fatalf("%v: %+v", once, r)
	}
	now := scratch.Tree(t, o.Root)
	for path := range now { // of the job
		store := strings.TrimPrefix(last.Root, o.Root) + "/" + perpid.StoreName
		if path == store || strings.HasPrefix(path, store+"/") || strings.HasPrefix(path, strings.TrimPrefix(last.Work, o.Root)+"/.") || strings.HasPrefix(path, strings.TrimPrefix(last.Diag(), o.Root)+"/") {
			delete(now, path)
		}
	}
	list := func(tree map[string]string) string { // in another order now
		delete(tree, "/var/lib/worker-wrap/runners")
		data, err := os.ReadFile(o.Root + "/var/lib/worker-wrap/runners")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Fields(string(data))
		slices.Sort(lines)
		return strings.Join(lines, " ")
	}
	if got := list(now); got != list(wrapped) || strings.Count(got, " ") != 2 {
		t.Errorf("listed: %s", got)
	}
	for _, tree := range []map[string]string{now, wrapped} {
		for path, what := range tree { // an entry is made anew: its time is another
			if f := strings.Fields(what); filepath.Base(path) == runner.WorkerName && len(f) == 4 {
				tree[path] = f[0] + " " + f[1] + " " + f[3]
			}
		}
	}
	scratch.Same(t, "what was put back", now, wrapped)
}
