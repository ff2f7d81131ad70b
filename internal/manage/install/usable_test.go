package install

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestPlaceThatTheUserCannotReach: no link is made to a program that the runner's user could not run.
func TestPlaceThatTheUserCannotReach(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
	before := scratch.Tree(t, l.Root)
	closed := filepath.Join(m.Root, "usr/local/lib")
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	r := Install(o)
	if err := errors.Join(r.Failed...); len(r.Failed) != 1 || !strings.Contains(err.Error(), "sudo chmod a+x "+closed) {
		t.Errorf("failed: %v, needs root: %q", err, r.NeedsRoot)
	}
	scratch.Same(t, "refused", scratch.Tree(t, l.Root), before)
	if err := os.Chmod(closed, 0o755); err != nil {
		t.Fatal(err)
	}
	place := o.Place()
	if err := os.Chmod(place, 0o700); err != nil {
		t.Fatal(err)
	}
	o.BinOnly = true
	if r := Install(o); len(r.NeedsRoot) != 1 || !strings.Contains(r.NeedsRoot[0], "mode 0700") {
		t.Errorf("only root's: failed %v, needs root %q", r.Failed, r.NeedsRoot)
	}
	scratch.Same(t, "refused", scratch.Tree(t, l.Root), before)
	o.BinOnly = false
	good(t, "with all that mended", Install(o))
	if b, err := entry.InspectBin(l.Bin()); err != nil || b.Kind() != entry.Installed || b.Program() != place {
		t.Errorf("the shim is not in place: %+v, %v", b, err)
	}
}

// TestWorkerThatTheUserCannotRun: a runner that starts no job is told of, also if it has the shim, until that is mended.
func TestWorkerThatTheUserCannotRun(t *testing.T) {
	testkit.RequireRoot(t)
	for name, test := range map[string]struct {
		spoil func(worker string) error
		want  string // what is said after that; %s is the Worker that is kept
	}{
		"mode":    {func(worker string) error { return os.Chmod(worker, 0o644) }, "no job can start: nobody cannot run %[1]s because of the mode of %[1]s: sudo chmod a+rx %[1]s"},
		"root's":  {func(worker string) error { return errors.Join(os.Chown(worker, 0, 0), os.Chmod(worker, 0o700)) }, "because of the mode of %[1]s: sudo chmod a+rx %[1]s"},
		"nothing": {func(worker string) error { return os.Truncate(worker, 0) }, "no job can start: 0 bytes long: %[1]s, "},
	} {
		t.Run(name, func(t *testing.T) {
			m := aMachine(t)
			l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
			o := Options{Machine: m, Layouts: []runner.Layout{l}}
			output(&o)
			if err := test.spoil(scratch.WorkerIn(l.Bin())); err != nil {
				t.Fatal(err)
			}
			want := strings.ReplaceAll(test.want, "%[1]s", scratch.KeptIn(l.Bin()))
			for _, when := range []string{"at first", "again"} {
				r := Install(o)
				good(t, when, r)
				if len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], l.Root+": ") || !strings.Contains(r.Warnings[0], want) {
					t.Errorf("%s: warned %q, want %q", when, r.Warnings, want)
				}
			}
			scratch.File(t, scratch.KeptIn(l.Bin()), scratch.OwnWorker)
			scratch.Own(t, l.Root)
			if r := Install(o); len(r.Warnings) > 0 {
				t.Errorf("mended: warned %q", r.Warnings)
			}
		})
	}
}

// TestOlderCapabilityIsMended: an install makes what older releases gave the binary what it should be.
func TestOlderCapabilityIsMended(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	o := Options{Machine: m, Layouts: []runner.Layout{scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)}}
	output(&o)
	good(t, "install", Install(o))
	place := o.Place()
	if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", place).CombinedOutput(); err != nil {
		t.Fatalf("setcap: %v\n%s", err, out)
	}
	if found, err := o.Usable(); found != place || err != nil { // it works; the place in which it worked
		t.Errorf("%q, %v", found, err)
	}
	said := output(&o)
	good(t, "again", Install(o))
	if b := program.BinaryAt(place); !b.SysAdmin || b.AllOrNothing || len(*said) != 1 {
		t.Errorf("%+v after %q", b, *said)
	}
}

// TestPlaceBehindLinks: whichever folder on the way to it is a link, the binary is found again, whoever looks, and all of it
// goes.
func TestPlaceBehindLinks(t *testing.T) {
	testkit.RequireRoot(t)
	for _, test := range []struct{ link, to, prefix, place string }{
		{"usr/local", "../var/usrlocal", "", "var/usrlocal/lib"}, // as Fedora CoreOS has it
		{"usr/local/lib", "../../data/lib", "", "data/lib"},
		{"usr/local/bin", "../../data/bin", "", "usr/local/lib"},
		{"opt/tools", "../data/opt", "/opt/tools", "data/opt/lib"},
	} {
		t.Run(test.link, func(t *testing.T) {
			m := aMachine(t)
			l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
			link, place := filepath.Join(m.Root, test.link), filepath.Join(m.Root, test.place, "worker-wrap/worker-wrap")
			to := filepath.Join(filepath.Dir(link), test.to)
			err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755), os.MkdirAll(filepath.Dir(to), 0o755))
			if rerr := os.Rename(link, to); rerr != nil { // it was not there
				err = errors.Join(err, os.MkdirAll(to, 0o755))
			}
			if err = errors.Join(err, os.Symlink(test.to, link)); err != nil {
				t.Fatal(err)
			}
			o := Options{Machine: m, Layouts: []runner.Layout{l}}
			o.Prefix = test.prefix
			output(&o)
			good(t, "install", Install(o))
			if b, err := entry.InspectBin(l.Bin()); err != nil || b.Kind() != entry.Installed || b.Program() != place {
				t.Errorf("the shim is not in place: %+v, %v", b, err)
			}
			installed, command := o, o
			installed.Self, command.Self, command.Prefix = place, place, ""
			for _, again := range []Options{o, installed, command} {
				said := output(&again)
				good(t, "again", Install(again))
				found, err := again.Usable()
				if outdated := again.OutdatedUnits(l); len(*said) > 0 || found != place || err != nil || len(outdated) > 0 {
					t.Errorf("again, of %s with %q: %q; found %q, %v; outdated %q", again.Self, again.Prefix, *said, found, err, outdated)
				}
			}
			started := filepath.Join(m.Root, cmp.Or(test.prefix, "usr/local"), "bin/worker-wrap")
			if real, err := filepath.EvalSymlinks(started); err != nil || real != place {
				t.Errorf("the command leads to %q, %v", real, err)
			}
			good(t, "uninstall", Uninstall(command))
			for _, path := range []string{started, place} {
				if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is left: %v", path, err)
				}
			}
		})
	}
}

// TestPlaceOfPackages: an install with --prefix /usr is no package, unless there is one.
func TestPlaceOfPackages(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	m.Prefix = "/usr"
	l := scratch.Runner(t, m.Root, "runner", "", scratch.OwnWorker)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	place := o.Place()
	if real, err := filepath.EvalSymlinks(m.Path("/usr/bin/worker-wrap")); err != nil || real != place {
		t.Errorf("the command leads to %q, %v", real, err)
	}
	if again := Install(o); again.Steps != 0 {
		t.Errorf("a second install: %+v", again)
	}
	scratch.Text(t, place+".packaged", "")
	if !o.Packaged() {
		t.Error("no package")
	}
	if err := os.Remove(place + ".packaged"); err != nil {
		t.Fatal(err)
	}
	good(t, "uninstall", Uninstall(o))
	for _, path := range []string{m.Path("/usr/bin/worker-wrap"), place} {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left: %v", path, err)
		}
	}
}
