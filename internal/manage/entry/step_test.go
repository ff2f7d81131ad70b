package entry

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// shape makes a bin folder what its name says.
type shape struct {
	name      string
	kind      Kind
	dead      bool // no job can start there before it is mended
	two       bool // a file is to have two names in the end, so root does it if that is another user's
	installed Kind // what an install makes of it, [Installed] where empty
	out       Kind // and then an uninstall, [NotInstalled] where empty
	// left says which names are there when all is taken out, and what each is then by a name of now; if it is nil that
	// is the one Worker.
	left map[string]string
	make func(t *testing.T, bin, place string)
}

// entry makes an entry of the worker-wrap at place.
func entry(t *testing.T, place, path string) {
	t.Helper()
	text, ok := runner.Entry(place)
	if !ok {
		t.Fatalf("no entry for %s", place)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// aside is a name by which another tool keeps what it starts.
const aside = runner.WorkerName + ".orig"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shapes are all the states from which an install can go on.
func shapes() []shape {
	const w, r, k = runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName
	linked := func(t *testing.T, bin, place string) { // as versions did it that knew no entry
		scratch.Move(t, scratch.WorkerIn(bin), scratch.RealIn(bin))
		scratch.Link(t, place, scratch.WorkerIn(bin))
	}
	wrapped := func(t *testing.T, bin, place string) {
		scratch.Hard(t, scratch.WorkerIn(bin), scratch.RealIn(bin))
		scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
		entry(t, place, scratch.WorkerIn(bin))
	}
	over := func(t *testing.T, path, what string) {
		scratch.File(t, path+".new", what)
		scratch.Own(t, path+".new")
		scratch.Move(t, path+".new", path)
	}
	other := func(t *testing.T, bin string) { // another tool, as it does it
		scratch.Move(t, scratch.WorkerIn(bin), scratch.RealIn(bin))
		over(t, scratch.WorkerIn(bin), scratch.Wrapper)
	}
	asides := func(t *testing.T, bin string) { // the same with a name of its own
		scratch.Move(t, scratch.WorkerIn(bin), scratch.WorkerIn(bin)+".orig")
		over(t, scratch.WorkerIn(bin), "#!/bin/sh\nexec \"$0.orig\" \"$@\"\n")
	}
	self := map[string]string{w: w}
	return []shape{
		{name: "untouched", kind: NotInstalled, left: self, make: func(*testing.T, string, string) {}},
		{name: "installed", kind: Installed, make: wrapped, left: map[string]string{w: k}},
		{name: "linked", kind: Installed, make: linked, left: map[string]string{w: r}},
		{name: "linked, another binary", kind: Installed, left: map[string]string{w: r}, make: func(t *testing.T, bin, place string) {
			copyOf := filepath.Join(filepath.Dir(filepath.Dir(bin)), "worker-wrap")
			data, err := os.ReadFile(place)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copyOf, data, 0o755); err != nil {
				t.Fatal(err)
			}
			linked(t, bin, copyOf)
		}},
		{name: "a copy of the binary", kind: Installed, left: map[string]string{w: r}, make: func(t *testing.T, bin, place string) {
			linked(t, bin, place)
			data, err := os.ReadFile(place)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(scratch.WorkerIn(bin)); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(scratch.WorkerIn(bin), data, 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "one more name, not yet switched", kind: Half, left: self, make: func(t *testing.T, bin, _ string) { scratch.Hard(t, scratch.WorkerIn(bin), scratch.RealIn(bin)) }},
		{name: "the other name, not yet switched", kind: Half, left: self, make: func(t *testing.T, bin, _ string) { scratch.Hard(t, scratch.WorkerIn(bin), scratch.KeptIn(bin)) }},
		{name: "both names, not yet switched", kind: Half, left: self, make: func(t *testing.T, bin, _ string) {
			scratch.Hard(t, scratch.WorkerIn(bin), scratch.RealIn(bin))
			scratch.Hard(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
		}},
		{name: "the entry by the other name, not yet switched", kind: Half, left: self, make: func(t *testing.T, bin, place string) { entry(t, place, scratch.KeptIn(bin)) }},
		{name: "a link by one name to the other, not yet switched", kind: Installed, left: map[string]string{w: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			must(t, os.Remove(scratch.RealIn(bin)))
			scratch.Link(t, w, scratch.RealIn(bin))
		}},
		{name: "a link by one more name", kind: Half, left: self, make: func(t *testing.T, bin, _ string) { scratch.Link(t, w, scratch.RealIn(bin)) }},
		{name: "a link by the other name", kind: Replaced, left: self, make: func(t *testing.T, bin, _ string) { scratch.Link(t, w, scratch.KeptIn(bin)) }},
		{name: "a name for a moment, not yet switched", kind: Installed, left: map[string]string{w: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			scratch.Hard(t, scratch.KeptIn(bin), filepath.Join(bin, newReal))
		}},
		{name: "the kept Worker is the shim", kind: Half, left: self, make: func(t *testing.T, bin, place string) { scratch.Link(t, place, scratch.RealIn(bin)) }},
		{name: "the kept Worker leads to a binary that is gone", kind: Half, left: self, make: func(t *testing.T, bin, _ string) {
			scratch.Link(t, "/nonexistent/worker-wrap", scratch.RealIn(bin))
		}},
		{name: "the release unpacked over it", kind: Replaced, left: self, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			over(t, scratch.WorkerIn(bin), scratch.Newer)
		}},
		{name: "the release unpacked over it, cut short", kind: Replaced, left: self, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			over(t, scratch.WorkerIn(bin), scratch.Newer)
			if err := os.Remove(scratch.RealIn(bin)); err != nil {
				t.Fatal(err)
			}
			scratch.Hard(t, scratch.WorkerIn(bin), scratch.RealIn(bin))
		}},
		{name: "the release unpacked over the link", kind: Replaced, left: self, make: func(t *testing.T, bin, place string) {
			linked(t, bin, place)
			over(t, scratch.WorkerIn(bin), scratch.Newer)
		}},
		{name: "the linked binary is gone", kind: Gone, dead: true, left: map[string]string{w: r}, make: func(t *testing.T, bin, _ string) {
			linked(t, bin, "/nonexistent/worker-wrap")
		}},
		{name: "the binary is gone", kind: Gone, dead: true, left: map[string]string{w: k}, make: func(t *testing.T, bin, _ string) {
			wrapped(t, bin, "/nonexistent/worker-wrap")
		}},
		{name: "the link is gone", kind: Unlinked, dead: true, left: map[string]string{w: r}, make: func(t *testing.T, bin, place string) {
			linked(t, bin, place)
			if err := os.Remove(scratch.WorkerIn(bin)); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "the entry is gone", kind: Unlinked, dead: true, left: map[string]string{w: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			if err := os.Remove(scratch.WorkerIn(bin)); err != nil {
				t.Fatal(err)
			}
		}},

		{name: "another tool", kind: NotInstalled, left: map[string]string{w: w, r: r}, make: func(t *testing.T, bin, _ string) { other(t, bin) }},
		{name: "another tool, not yet switched", kind: Half, left: map[string]string{w: w, r: r}, make: func(t *testing.T, bin, _ string) {
			other(t, bin)
			scratch.Hard(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
		}},
		{name: "another tool, wrapped", kind: Installed, left: map[string]string{w: k, r: r}, make: func(t *testing.T, bin, place string) {
			other(t, bin)
			scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
			entry(t, place, scratch.WorkerIn(bin))
		}},
		{name: "another tool, wrapped, and taken out", kind: Replaced, left: self, make: func(t *testing.T, bin, place string) {
			other(t, bin)
			scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
			scratch.Move(t, scratch.RealIn(bin), scratch.WorkerIn(bin))
		}},
		{name: "another tool, wrapped, and the release unpacked over it", kind: Replaced, out: Replaced, left: map[string]string{w: w, r: r}, make: func(t *testing.T, bin, place string) {
			other(t, bin)
			scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
			over(t, scratch.WorkerIn(bin), scratch.Newer)
		}},
		{name: "another tool, over the shim", kind: Covered, left: map[string]string{w: w, r: r}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			over(t, scratch.WorkerIn(bin), scratch.Wrapper)
		}},
		{name: "another tool, wrapped, and once more over the shim", kind: Covered, left: map[string]string{w: w, r: r}, make: func(t *testing.T, bin, place string) {
			other(t, bin)
			scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
			entry(t, place, scratch.WorkerIn(bin))
			scratch.Link(t, r, scratch.KeptIn(bin)+".real")
			over(t, scratch.WorkerIn(bin), scratch.Wrapper)
		}},
		{name: "another tool, before the shim", kind: Behind, installed: Behind, left: map[string]string{w: w, r: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			other(t, bin)
		}},
		{name: "another tool with a name of its own", kind: NotInstalled, left: map[string]string{w: w, aside: aside}, make: func(t *testing.T, bin, _ string) { asides(t, bin) }},
		{name: "another tool with a name of its own, wrapped", kind: Installed, left: map[string]string{w: k, aside: aside}, make: func(t *testing.T, bin, place string) {
			asides(t, bin)
			wrapped(t, bin, place)
		}},
		{name: "another tool with a name of its own, before the shim", kind: Behind, installed: Behind, left: map[string]string{w: w, aside: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			asides(t, bin)
		}},
		{name: "another tool with a name of its own, before a link", two: true, kind: Behind, installed: Behind, dead: true, left: map[string]string{w: w, r: r, aside: r}, make: func(t *testing.T, bin, place string) {
			linked(t, bin, place)
			asides(t, bin)
		}},
		{name: "another tool with a name of its own, before the shim, whose binary is gone", kind: Behind, installed: Behind, dead: true, left: map[string]string{w: w, aside: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, "/nonexistent/worker-wrap")
			asides(t, bin)
		}},
		{name: "another tool with a name of its own, before and behind the shim", two: true, kind: Circle, left: map[string]string{w: k, r: r, aside: r}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place) // as versions did it that knew no other names
			asides(t, bin)
			scratch.Move(t, scratch.WorkerIn(bin), scratch.KeptIn(bin))
			entry(t, place, scratch.WorkerIn(bin))
		}},
		{name: "the same, and worker-wrap taken out", two: true, kind: Behind, installed: Behind, left: map[string]string{w: w, r: r, aside: r}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			asides(t, bin)
			must(t, os.Remove(scratch.KeptIn(bin)))
		}},
		{name: "another tool, over the shim, and a copy of the entry", two: true, kind: Covered, left: map[string]string{w: w, r: r, aside: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			scratch.Hard(t, scratch.WorkerIn(bin), scratch.WorkerIn(bin)+".orig")
			over(t, scratch.WorkerIn(bin), scratch.Wrapper)
		}},
		{name: "a copy of the entry", two: true, kind: Installed, left: map[string]string{w: k, aside: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			entry(t, place, scratch.WorkerIn(bin)+".orig")
		}},
		{name: "another tool, before the shim, and the release unpacked over it", kind: Replaced, left: self, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			other(t, bin)
			over(t, scratch.WorkerIn(bin), scratch.Newer)
		}},
		{name: "another tool, before the shim, and taken out", kind: Installed, left: map[string]string{w: k}, make: func(t *testing.T, bin, place string) {
			wrapped(t, bin, place)
			other(t, bin)
			scratch.Move(t, scratch.RealIn(bin), scratch.WorkerIn(bin))
		}},
	}
}

// starts reports whether a Listener could start a job from bin, now.
func starts(b Bin) bool {
	return b.Worker == Own || b.Worker == Shim && (b.Real == Own || b.Kept == Own)
}

// strange is a user whose files a runner's user can give no second name.
const strange = 61234

// estrange gives the programs in a bin folder that are not worker-wrap's to another user than whose the folder is.
func estrange(t *testing.T, bin string) {
	t.Helper()
	for _, name := range []string{runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName, aside} {
		path := filepath.Join(bin, name)
		if what, _, linked := thing(path); what == Own && !linked {
			must(t, os.Chown(path, strange, strange))
		}
	}
}

// asNobody does something with the rights of the user whose the runner is.
func asNobody[T any](t *testing.T, do func() T) T {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	must(t, errors.Join(unix.Setfsgid(scratch.Nobody), unix.Setfsuid(scratch.Nobody)))
	defer func() { must(t, errors.Join(unix.Setfsuid(0), unix.Setfsgid(0))) }()
	return do()
}

// TestEveryStepLeavesARunner stops after each step of each plan, as if the power had gone, from every state;
// then has the next run finish, and takes all out again.
func TestEveryStepLeavesARunner(t *testing.T) {
	place := testkit.Binary(t)
	real := moment
	t.Cleanup(func() { moment = real })
	moment = 0
	for _, s := range shapes() {
		for _, plan := range []struct {
			name  string
			steps Plan
		}{
			{"install", func(b Bin) ([]Step, error) { return wrap(b, place) }},
			{"uninstall", Unwrap},
			{"uninstall in use", UnwrapInUse},
		} {
			each(t, s.name+"/"+plan.name, !s.two, func(t *testing.T, foreign bool) {
				as := func(do func() error) error { return do() }
				if foreign {
					as = func(do func() error) error { return asNobody(t, do) }
				}
				for stop, more := 0, true; more && (stop == 0 || s.out == ""); stop++ {
					bin := scratch.Runner(t, testkit.Dir(t), "r", "", scratch.Proved+scratch.OwnWorker).Bin()
					s.make(t, bin, place)
					if foreign {
						estrange(t, bin)
					}
					want := bare(t, bin, s)
					b, err := InspectBin(bin)
					if err != nil || b.Kind() != s.kind {
						t.Fatalf("is %q, should be %q (%+v, %v)", b.Kind(), s.kind, b, err)
					}
					_ = as(func() error { more = perform(t, bin, plan.steps, stop); return nil })
					if b, _ = InspectBin(bin); !starts(b) && (!s.dead || !more) {
						t.Fatalf("after step %d no job can start: %+v", stop, b)
					}
					again := func(what string, plan Plan, kind Kind) {
						if err := as(func() error { return changeIn(bin, plan, func(Step) {}) }); err != nil {
							t.Fatalf("%s after step %d: %v", what, stop, err)
						}
						if b, _ = InspectBin(bin); b.Kind() != kind || len(b.Left) > 0 {
							t.Fatalf("%s after step %d: %q %+v", what, stop, b.Kind(), b)
						}
						if steps, err := plan(b); len(steps) > 0 || err != nil {
							t.Errorf("%s once more would %q (%v)", what, steps[0].What, err)
						}
					}
					installed := s.installed
					if installed == "" || stop > 0 && plan.name != "install" {
						installed = b.Kind()
						if installed != Behind {
							installed = Installed
						}
					}
					again("install", func(b Bin) ([]Step, error) { return wrap(b, place) }, installed)
					if b.Target != place {
						t.Errorf("leads to %s", b.Target)
					}
					if s.out != "" { // an older version can have left what is there then, and more is to be taken out of that
						if err := as(func() error { return changeIn(bin, Unwrap, func(Step) {}) }); err != nil {
							t.Fatal(err)
						}
						if b, _ = InspectBin(bin); b.Kind() != s.out {
							t.Fatalf("uninstall after step %d: %q %+v", stop, b.Kind(), b)
						}
					} else {
						again("uninstall", Unwrap, NotInstalled)
					}
					scratch.Same(t, "afterwards", scratch.Tree(t, bin), want)
				}
			})
		}
	}
}

// each runs a test with the runner's files as they are, and as root with those that are not worker-wrap's another user's.
func each(t *testing.T, name string, both bool, test func(t *testing.T, foreign bool)) {
	t.Run(name, func(t *testing.T) { test(t, false) })
	if both && os.Getuid() == 0 {
		t.Run(name+"/another user's", func(t *testing.T) { test(t, true) })
	}
}

// bare is the folder as it is to be when all is taken out.
func bare(t *testing.T, bin string, s shape) map[string]string {
	t.Helper()
	now := scratch.Tree(t, bin)
	all := maps.Clone(now)
	for _, name := range []string{runner.WorkerName, runner.RealWorkerName, runner.KeptWorkerName, runner.KeptWorkerName + ".real", newReal, aside} {
		delete(all, "/"+name)
		if from, ok := s.left[name]; ok {
			all["/"+name] = now["/"+from]
		}
	}
	return all
}

// perform does the first stop steps, and reports whether there are more.
func perform(t *testing.T, bin string, plan Plan, stop int) bool {
	t.Helper()
	b, err := InspectBin(bin)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := plan(b)
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for i, s := range steps {
		if i == stop {
			return true
		}
		if !strings.HasPrefix(s.What, bin+": ") {
			t.Errorf("a step does not say where: %q", s.What)
		}
		if err := s.do(root); err != nil {
			t.Fatalf("%s: %v", s.What, err)
		}
	}
	return false
}

// changeIn does a plan in the folder at a path.
func changeIn(bin string, plan Plan, done func(Step)) error {
	folder, err := os.Open(bin)
	if err != nil {
		return err
	}
	defer folder.Close()
	return plan.Do(folder, done)
}

// TestFailureSaysWhere: what a step's system call says names a file in no folder.
func TestFailureSaysWhere(t *testing.T) {
	bin := t.TempDir()
	plan := func(b Bin) ([]Step, error) { return wrap(Bin{Dir: b.Dir, Worker: Own}, "/place") } // which is not so
	err := changeIn(bin, plan, func(s Step) { t.Errorf("done: %s", s.What) })
	if want := bin + ": keep the runner's own Worker as Runner.Worker.worker-wrap: linkat Runner.Worker "; !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v", err)
	}
}

// TestLost: if there is no Worker to start, the plans say what to do, and change nothing.
func TestLost(t *testing.T) {
	place := testkit.Binary(t)
	for name, make := range map[string]func(bin string){
		"gone":     func(bin string) { scratch.Link(t, place, scratch.WorkerIn(bin)) },
		"dangling": func(bin string) { scratch.Link(t, "/nonexistent/worker-wrap", scratch.WorkerIn(bin)) },
		"real a shim": func(bin string) {
			scratch.Link(t, place, scratch.WorkerIn(bin))
			scratch.Link(t, place, scratch.RealIn(bin))
		},
		"an entry": func(bin string) { entry(t, place, scratch.WorkerIn(bin)) },
		"another tool that has moved a link over the kept Worker": func(bin string) {
			scratch.Worker(t, bin, scratch.Wrapper)
			scratch.Link(t, place, scratch.RealIn(bin))
		},
	} {
		bin := testkit.Dir(t)
		make(bin)
		b, err := InspectBin(bin)
		if err != nil || b.Kind() != Lost {
			t.Errorf("%s: %q, %v", name, b.Kind(), err)
		}
		before := scratch.Tree(t, bin)
		for _, plan := range []Plan{func(b Bin) ([]Step, error) { return wrap(b, place) }, Unwrap} {
			err := changeIn(bin, plan, func(Step) { t.Error("a step was done") })
			if !errors.As(err, new(*LostError)) || !strings.Contains(err.Error(), "unpack the runner's release") {
				t.Errorf("%s: %v", name, err)
			}
		}
		scratch.Same(t, name, scratch.Tree(t, bin), before)
	}
}

// TestOneAtATime: two that work in one folder do not meet.
func TestOneAtATime(t *testing.T) {
	place := testkit.Binary(t)
	bin := scratch.Runner(t, testkit.Dir(t), "r", "", scratch.OwnWorker).Bin()
	done := make(chan error)
	const n = 4 // each of them writes to the disk, and has 20 s until the last begins
	for i := range n {
		go func() {
			done <- changeIn(bin, func(b Bin) ([]Step, error) {
				if i%2 == 0 {
					return wrap(b, place)
				}
				return Unwrap(b)
			}, func(Step) {})
		}()
	}
	for range n {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if b, err := InspectBin(bin); err != nil || !starts(b) || len(b.Left) > 0 {
		t.Errorf("%+v, %v", b, err)
	}
}
