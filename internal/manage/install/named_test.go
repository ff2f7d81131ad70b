package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
)

// TestNamed: the link leads to what is kept, in a copy of the folder too; it is made anew where something has spoilt it,
// and there is none for a script, nor in place of somebody else's file.
func TestNamed(t *testing.T) {
	m := aMachine(t)
	l := aRunner(t, m, "r", "", proved+ownWorker)
	bin := l.Bin()
	wrap := func(b Bin) ([]Step, error) { return wrapSteps(b, m.Self) }
	install := func(dir string) {
		t.Helper()
		if err := changeIn(dir, wrap, func(Step) {}); err != nil {
			t.Fatal(err)
		}
	}
	leads := func(dir string) bool {
		t.Helper()
		st, err := os.Stat(filepath.Join(dir, runner.AloneName))
		return err == nil && os.SameFile(st, stat(t, second(dir)))
	}
	install(bin)
	if !leads(bin) {
		t.Error("the link leads elsewhere")
	}
	if st, err := os.Lstat(filepath.Join(bin, runner.AloneFolder)); err != nil {
		t.Error(err)
	} else if uid, _ := disk.Owner(st); os.Getuid() == 0 && uid != nobody {
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
	aWorker(t, bin+".new", wrapper)
	if err := os.Rename(worker(bin+".new"), worker(bin)); err != nil {
		t.Fatal(err)
	}
	install(bin)
	if _, err := os.Lstat(filepath.Join(bin, runner.AloneFolder)); err == nil {
		t.Error("a script is started by another path than its own")
	}

	theirs := aRunner(t, m, "theirs", "", proved+ownWorker).Bin()
	text(t, filepath.Join(theirs, runner.AloneFolder), "somebody's")
	install(theirs)
	if err := changeIn(theirs, unwrapSteps, func(Step) {}); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(theirs, runner.AloneFolder)); string(data) != "somebody's" {
		t.Errorf("somebody's file is gone: %v", err)
	}
}
