package install

import (
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/inplain"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// victim is the user to whose runner nobody's leads root.
const victim = 61234

// led is a runner of nobody's that leads root to another.
type led struct {
	own, other runner.Layout
	Options    // for own
	said       *[]string
}

// aLed makes both, with the shim in each. The other's Worker is then what state says.
func aLed(t *testing.T, state string) led {
	t.Helper()
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := led{own: scratch.Runner(t, m.Root, "own", "", scratch.OwnWorker), other: scratch.Runner(t, m.Root, "other", "", scratch.OwnWorker)}
	l.Options = Options{Machine: m, Layouts: []runner.Layout{l.own, l.other}, Force: true}
	l.said = output(&l.Options)
	good(t, "install", Install(l.Options))
	l.Layouts = l.Layouts[:1]
	var err error
	switch bin := l.other.Bin(); state {
	case "lost":
		err = os.Remove(scratch.RealIn(bin))
	case "not installed":
		err = os.Rename(scratch.RealIn(bin), scratch.WorkerIn(bin))
	}
	if err != nil {
		t.Fatal(err)
	}
	const dead = "4194305-1-4026531836-000000000000"
	if err := os.MkdirAll(filepath.Join(perpid.Path(l.other.Temp), dead), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, r := range []runner.Layout{l.own, l.other} {
		scratch.Text(t, filepath.Join(r.Diag(), inplain.Name), "{}\n")
		scratch.Text(t, filepath.Join(r.Diag(), left.Prefix+dead), "{}\n")
	}
	testkit.Give(t, l.own.Root, scratch.Nobody)
	testkit.Give(t, l.other.Root, victim)
	return l
}

// replace puts a link of nobody's in the place of a file or folder.
func replace(t *testing.T, path, target string) {
	t.Helper()
	if err := os.Rename(path, path+".aside"); err != nil {
		t.Fatal(err)
	}
	aLink(t, path, target)
}

func aLink(t *testing.T, path, target string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
	if err := os.Lchown(path, scratch.Nobody, scratch.Nobody); err != nil {
		t.Fatal(err)
	}
}

// everything has root do all that it can do to the runner, and returns what failed.
func (l *led) everything() (failed []error) {
	k := Keeper{Layout: l.Layouts[0], Place: l.Place(), Say: l.Say}
	if err := k.Keep(); err != nil {
		failed = append(failed, err)
	}
	for _, do := range []func(Options) Result{Install, Uninstall} {
		failed = append(failed, do(l.Options).Failed...)
	}
	return failed
}

// TestRootIsNotLedAstray: whatever a runner's user leads root to, who installs, keeps and uninstalls there, nothing
// changes in the runner of another user, and root is told.
func TestRootIsNotLedAstray(t *testing.T) {
	for name, lead := range map[string]func(*testing.T, led){
		"bin": func(t *testing.T, l led) { replace(t, l.own.Bin(), l.other.Bin()) },
		"bin, with root's .runner": func(t *testing.T, l led) {
			replace(t, l.own.Bin(), l.other.Bin())
			if err := os.Chown(l.own.Root+"/.runner", 0, 0); err != nil {
				t.Fatal(err)
			}
		},
		"bin, by a link on the way": func(t *testing.T, l led) { aLink(t, l.own.Root+"/way", "../other"); replace(t, l.own.Bin(), "way/bin") },
		"the root":                  func(t *testing.T, l led) { replace(t, l.own.Root, l.other.Root) }, // since it was found
		"_diag":                     func(t *testing.T, l led) { replace(t, l.own.Diag(), l.other.Diag()) },
		"_work":                     func(t *testing.T, l led) { replace(t, l.own.Work, l.other.Work) },
		"workFolder": func(t *testing.T, l led) {
			scratch.Text(t, l.own.Root+"/.runner", `{"workFolder": "`+l.other.Work+`"}`)
			var err error
			if l.Layouts[0], err = runner.FromRoot(l.own.Root); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, state := range []string{"installed", "lost", "not installed"} {
			t.Run(name+"/"+state, func(t *testing.T) {
				l := aLed(t, state)
				lead(t, l)
				before := scratch.Tree(t, l.other.Root)
				failed := l.everything()
				scratch.Same(t, "the other's runner", scratch.Tree(t, l.other.Root), before)
				told := false
				for _, err := range failed {
					told = told || strings.Contains(err.Error(), "belongs to uid 61234") && strings.Contains(err.Error(), "of uid 65534")
				}
				if !told {
					t.Errorf("root was led there and is told only %v, %s", failed, *l.said)
				}
			})
		}
	}
}

// TestRootIsNotLedAstrayMeanwhile: the same while the runner's root and a link to the other's change places, as fast
// as can be.
func TestRootIsNotLedAstrayMeanwhile(t *testing.T) {
	l := aLed(t, "lost")
	link := l.own.Root + ".link"
	aLink(t, link, l.other.Root)
	before := scratch.Tree(t, l.other.Root)
	var enough atomic.Bool
	swaps := make(chan int)
	go func() {
		n := 0
		for ; !enough.Load(); n++ {
			if err := unix.Renameat2(unix.AT_FDCWD, l.own.Root, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
			}
		}
		swaps <- n
	}()
	astray := 0
	const rounds = 30
	for range rounds {
		for _, err := range l.everything() {
			if strings.Contains(err.Error(), "belongs to uid 61234") {
				astray++
			}
		}
	}
	enough.Store(true)
	t.Logf("%d rounds, %d swaps, led astray %d times", rounds, <-swaps, astray)
	if astray == 0 {
		t.Error("root was never led there: this shows nothing")
	}
	scratch.Same(t, "the other's runner", scratch.Tree(t, l.other.Root), before)
}
