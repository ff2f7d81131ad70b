package install

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// anotherTool is what others do to a runner's bin, $1, whose wrapper tells that it was there. Three that are public
// keep the Worker as Runner.Worker.real.
const anotherTool = `set -eu
cd "$1"
wrap() {
	printf '#!/bin/bash\nprintf "wrapped "\n%s "%s" "$@"\n' "$1" "$2" >wrapper
	chmod 755 wrapper
}
beside='${0%/*}/Runner.Worker.real'
moves_once() { wrap exec "$beside"; [ -f Runner.Worker.real ] || mv Runner.Worker Runner.Worker.real; cat wrapper >Runner.Worker; chmod +x Runner.Worker; }
moves() { wrap exec "$beside"; mv Runner.Worker Runner.Worker.real; install -m 755 wrapper Runner.Worker; }
stays_above() { wrap '' "$beside"; mv Runner.Worker Runner.Worker.real; cp wrapper Runner.Worker; }
names_it() { wrap "exec -a \"$beside\"" "$beside"; mv Runner.Worker Runner.Worker.real; cp wrapper Runner.Worker; }
own_name() { wrap exec '$0.orig'; mv Runner.Worker Runner.Worker.orig; cp wrapper Runner.Worker; }
taken_out() { for f in Runner.Worker.orig Runner.Worker.real; do [ ! -e "$f" ] || { mv "$f" Runner.Worker; break; }; done; }
"$2"
rm -f wrapper
`

var tools = []string{"moves_once", "moves", "stays_above", "names_it", "own_name"}

func otherTool(t *testing.T, l runner.Layout, does string) {
	t.Helper()
	if out, err := exec.Command("bash", "-c", anotherTool, "tool", l.Bin(), does).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", does, err, out)
	}
}

// both starts a job, which is to go through the other tool and to the runner's own Worker, isolated.
func both(t *testing.T, what string, l runner.Layout, version string) {
	t.Helper()
	cmd := bounded(scratch.WorkerIn(l.Bin()), "spawnclient", "160", "164")
	cmd.Dir = l.Bin()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "wrapped "+version+" "+l.Root+"/.worker-wrap/") {
		t.Errorf("%s: a job: %v: %s", what, err, out)
	}
}

// TestAnotherTool: with another tool's wrapper in the Worker's place, before an install or after it, jobs go through
// both; and whichever is taken out first, each leaves the files of the other as they were.
func TestAnotherTool(t *testing.T) {
	testkit.RequireRoot(t)
	for _, tool := range tools {
		for _, first := range []string{"the tool", "worker-wrap"} {
			for _, out := range []string{"the tool", "worker-wrap"} {
				t.Run(tool+"/"+first+" first/"+out+" out first", func(t *testing.T) {
					m := aMachine(t)
					l := scratch.Runner(t, m.Root, "r", "", saying("old"))
					bare := scratch.Tree(t, l.Bin())
					o := Options{Machine: m, Layouts: []runner.Layout{l}}
					said := output(&o)
					install := func() { good(t, "install", Install(o)) }
					if first == "the tool" {
						otherTool(t, l, tool)
					} else {
						install()
						otherTool(t, l, tool)
					}
					install()
					both(t, "installed", l, "old")
					k := Keeper{Layout: l, Place: m.Place(), Say: func(s string) { t.Errorf("the watch has something to do: %s", s) }}
					if err := k.Keep(); err != nil {
						t.Errorf("the watch: %v", err)
					}
					if r := Install(o); r.Steps != 0 || len(r.Failed) > 0 {
						t.Errorf("a second install: %+v", r)
					}

					if out == "the tool" {
						otherTool(t, l, "taken_out")
						install()
						if what, isolated := ran(t, l); what != "old" || !isolated {
							t.Errorf("without the tool: %s, isolated %v", what, isolated)
						}
						good(t, "uninstall", Uninstall(o))
					} else {
						good(t, "uninstall", Uninstall(o))
						all := strings.Join(*said, "\n")
						if first == "the tool" && (!strings.Contains(all, "keep another tool's wrapper as ") || !strings.Contains(all, "put another tool's wrapper back")) || first != "the tool" && !strings.Contains(all, "keep the runner's own Worker as ") {
							t.Errorf("it has said\n%s", all)
						}
						if out, err := bounded(scratch.WorkerIn(l.Bin())).CombinedOutput(); err != nil || string(out) != "wrapped old \n" {
							t.Errorf("without worker-wrap: %v: %s", err, out)
						}
						otherTool(t, l, "taken_out")
					}
					scratch.Same(t, "in the end", scratch.Tree(t, l.Bin()), bare)
				})
			}
		}
	}
}

// TestAnotherToolAtAnUpdate: a new version comes without the other tool, as without worker-wrap, and is wrapped.
func TestAnotherToolAtAnUpdate(t *testing.T) {
	testkit.RequireRoot(t)
	for _, tool := range tools {
		m := aMachine(t)
		l := scratch.Runner(t, m.Root, "r", "2.335.0", saying("old"))
		o := Options{Machine: m, Layouts: []runner.Layout{l}}
		output(&o)
		otherTool(t, l, tool)
		good(t, "install", Install(o))
		next := l.Root + "/bin.2.336.0"
		if err := os.Mkdir(next, 0o755); err != nil {
			t.Fatal(err)
		}
		scratch.Worker(t, next, saying("new"))
		scratch.Own(t, next)
		before := scratch.Tree(t, next)
		if err := os.Remove(l.Bin()); err != nil {
			t.Fatal(err)
		}
		scratch.Link(t, next, l.Bin())
		k := Keeper{Layout: l, Place: m.Place(), Say: func(string) {}}
		if err := k.Keep(); err != nil {
			t.Fatal(err)
		}
		if what, isolated := ran(t, l); what != "new" || !isolated {
			t.Errorf("%s: %s, isolated %v", tool, what, isolated)
		}
		good(t, "uninstall", Uninstall(o))
		scratch.Same(t, tool, scratch.Tree(t, next), before)
	}
}

// TestAnotherToolTwice: what can go on as only one of two files is left as it is, and said; and two that start each
// other do so once.
func TestAnotherToolTwice(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", saying("old"))
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	otherTool(t, l, "moves")
	good(t, "install", Install(o))

	scratch.Worker(t, l.Bin()+"/..", scratch.Wrapper+"# another version\n")
	scratch.Move(t, l.Bin()+"/../Runner.Worker", scratch.WorkerIn(l.Bin()))
	before := scratch.Tree(t, l.Bin())
	r := Install(o)
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "move away the one that jobs do not need") || strings.Contains(r.Failed[0].Error(), "\n") {
		t.Errorf("%+v", r)
	}
	scratch.Same(t, "refused", scratch.Tree(t, l.Bin()), before)
	r = Uninstall(o)
	good(t, "uninstall", r)
	if len(r.Left) != 1 || !strings.Contains(r.Left[0], runner.KeptWorkerName) {
		t.Errorf("left %q", r.Left)
	}
	delete(before, "/"+runner.KeptWorkerName+".real") // the link by which the wrapper found the Worker
	scratch.Same(t, "uninstall", scratch.Tree(t, l.Bin()), before)

	// The tool once more, over its own: it has moved the entry over the runner's own Worker.
	scratch.Move(t, scratch.KeptIn(l.Bin()), scratch.WorkerIn(l.Bin()))
	good(t, "install", Install(o))
	otherTool(t, l, "moves")
	out, err := bounded(scratch.WorkerIn(l.Bin())).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "which would start itself for ever") {
		t.Errorf("a circle: %v: %s", err, out)
	}
}

// TestWatchWaitsForAWholeWorker: what is being written over the entry is not yet known for the runner's own Worker.
func TestWatchWaitsForAWholeWorker(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", saying("old"))
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	clock := time.Now()
	k := Keeper{Layout: l, Place: m.Place(), Say: func(s string) { t.Errorf("too soon: %s", s) }, now: func() time.Time { return clock }}
	if err := k.Keep(); err != nil {
		t.Fatal(err)
	}
	whole := testkit.Host(t, strings.TrimPrefix(saying("new"), scratch.Proved))
	f, err := os.OpenFile(scratch.WorkerIn(l.Bin()), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for from, size := 0, len(whole)/5+1; from < len(whole); from += size {
		if b, err := entry.InspectBin(l.Bin()); err != nil || b.Kind() == entry.Replaced {
			break // the rest of it is of no interest to who looks
		}
		if err := k.Keep(); err != ErrReplacing {
			t.Errorf("%d of %d bytes: %v", from, len(whole), err)
		}
		if _, err := f.WriteAt(whole[from:min(from+size, len(whole))], int64(from)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.WriteAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	// As a copy that gets its mode at last.
	if err := errors.Join(f.Close(), os.Chmod(f.Name(), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := k.Keep(); err != ErrReplacing {
		t.Errorf("whole, but not executable: %v", err)
	}
	if err := os.Chmod(f.Name(), 0o755); err != nil {
		t.Fatal(err)
	}
	k.Say = func(string) {}
	if err := k.Keep(); err != nil {
		t.Error(err)
	}
	if what, isolated := ran(t, l); what != "new" || !isolated {
		t.Errorf("%s, isolated %v", what, isolated)
	}
	good(t, "uninstall", Uninstall(o))
	if names, err := os.ReadDir(l.Bin()); err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}
