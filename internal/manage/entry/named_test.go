package entry

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestNamed: the link leads to what is kept, in a copy of the folder too; it is made anew where something has spoilt it,
// and there is none for a script, nor in place of somebody else's file.
func TestNamed(t *testing.T) {
	machine, place := testkit.Dir(t), testkit.Binary(t)
	l := scratch.Runner(t, machine, "r", "", scratch.Proved+scratch.OwnWorker)
	bin := l.Bin()
	wrap := func(b Bin) ([]Step, error) { return wrap(b, place) }
	install := func(dir string) {
		t.Helper()
		if err := changeIn(dir, wrap, func(Step) {}); err != nil {
			t.Fatal(err)
		}
	}
	leads := func(dir string) bool {
		t.Helper()
		st, err := os.Stat(filepath.Join(dir, runner.AloneName))
		return err == nil && os.SameFile(st, scratch.Stat(t, scratch.KeptIn(dir)))
	}
	install(bin)
	if !leads(bin) {
		t.Error("the link leads elsewhere")
	}
	if st, err := os.Lstat(filepath.Join(bin, runner.AloneFolder)); err != nil {
		t.Error(err)
	} else if uid, _ := disk.Owner(st); os.Getuid() == 0 && uid != scratch.Nobody {
		t.Errorf("the folder is uid %d's, which keeps the runner from deleting it", uid)
	}
	for name, command := range map[string][]string{"cp -r": {"cp", "-r"}, "cp -rL": {"cp", "-rL"}} {
		copied := filepath.Join(l.Root, "bin."+name)
		if out, err := exec.Command(command[0], command[1], bin, copied).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		install(copied)
		if !leads(copied) {
			t.Errorf("%s: the link leads elsewhere", name)
		}
	}
	if err := os.RemoveAll(filepath.Join(bin, runner.AloneFolder)); err != nil {
		t.Fatal(err)
	}
	install(bin)
	if !leads(bin) {
		t.Error("what a cleaner has deleted is not made again")
	}
	if err := os.Mkdir(bin+".new", 0o755); err != nil {
		t.Fatal(err)
	}
	scratch.Worker(t, bin+".new", scratch.Wrapper)
	if err := os.Rename(scratch.WorkerIn(bin+".new"), scratch.WorkerIn(bin)); err != nil {
		t.Fatal(err)
	}
	install(bin)
	if _, err := os.Lstat(filepath.Join(bin, runner.AloneFolder)); err == nil {
		t.Error("a script is started by another path than its own")
	}

	theirs := scratch.Runner(t, machine, "theirs", "", scratch.Proved+scratch.OwnWorker).Bin()
	scratch.Text(t, filepath.Join(theirs, runner.AloneFolder), "somebody's")
	install(theirs)
	if err := changeIn(theirs, Unwrap, func(Step) {}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(theirs, runner.AloneFolder)); string(data) != "somebody's" {
		t.Errorf("somebody's file is gone: %v", err)
	}
}
