package install

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const nobody = 65534

// aMachine is a scratch machine with the binary that users get, not yet installed.
func aMachine(t *testing.T) Machine {
	t.Helper()
	root := testkit.Dir(t)
	for _, dir := range []string{"usr/local/bin", "usr/local/lib", "run/systemd/system", "etc/systemd/system", "var/lib", "proc"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Machine{Root: root, Self: testkit.Binary(t)}
}

// aRunner is a runner on the machine, of user nobody, whose Worker is the program given, with a mode and
// times of its own. bin is a folder, or with a version a link to bin.<version>.
func aRunner(t *testing.T, m Machine, name, version, worker string) runner.Layout {
	t.Helper()
	root := filepath.Join(m.Root, "home/ci", name)
	bin := filepath.Join(root, "bin")
	if version != "" {
		bin += "." + version
	}
	for _, dir := range []string{bin, filepath.Join(root, "_diag"), filepath.Join(root, "_work", "_temp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if version != "" {
		if err := os.Symlink(bin, filepath.Join(root, "bin")); err != nil { // as update.sh makes it
			t.Fatal(err)
		}
	}
	text(t, filepath.Join(root, ".runner"), "\ufeff{\"workFolder\": \"_work\"}")
	text(t, filepath.Join(bin, "Runner.Worker.dll"), "code of "+version)
	aWorker(t, bin, worker)
	own(t, root)
	l, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// proved before what a Worker does makes it one that is the runner's own for sure.
const proved = "proved: "

// aWorker puts a Worker into a bin folder, with what it says where it is not a program's path.
func aWorker(t *testing.T, bin, worker string) {
	t.Helper()
	aFile(t, filepath.Join(bin, runner.WorkerName), worker)
}

func aFile(t *testing.T, path, worker string) {
	t.Helper()
	data := []byte(worker)
	if script, ok := strings.CutPrefix(worker, proved); ok {
		data = testkit.Host(t, script)
	} else if strings.HasPrefix(worker, "/") {
		var err error
		if data, err = os.ReadFile(worker); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, data, 0o754); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	then := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// own gives everything below root to nobody, where the test may.
func own(t *testing.T, root string) {
	t.Helper()
	if os.Getuid() == 0 {
		testkit.Give(t, root, nobody)
	}
}

// tree is everything below root: of each file type, mode, owner, time and checksum; of folders no time.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) == events.FileName { // that stays, for an audit
			return err
		}
		st, err := os.Lstat(path)
		if err != nil {
			return err
		}
		uid, gid := disk.Owner(st)
		what := fmt.Sprint(st.Mode(), " ", uid, ":", gid)
		switch {
		case st.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %s %x", st.ModTime().UTC().Format(time.RFC3339Nano), sha256.Sum256(data))
		case st.Mode().Type() == fs.ModeSymlink:
			to, _ := os.Readlink(path)
			what += " -> " + to
		}
		all[strings.TrimPrefix(path, root)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// same compares two trees.
func same(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	for path, is := range got {
		if was, ok := want[path]; !ok {
			t.Errorf("%s: new: %s: %s", what, path, is)
		} else if was != is {
			t.Errorf("%s: %s\n\tis  %s\n\twas %s", what, path, is, was)
		}
	}
	for path := range want {
		if _, ok := got[path]; !ok {
			t.Errorf("%s: gone: %s", what, path)
		}
	}
}

// output gathers what is said.
func output(o *Options) *[]string {
	said := &[]string{}
	o.Say = func(line string) { *said = append(*said, line) }
	return said
}

// good fails unless everything could be done.
func good(t *testing.T, what string, r Result) {
	t.Helper()
	if len(r.Failed)+len(r.NeedsRoot) > 0 {
		t.Fatalf("%s: failed %v, needs root %q", what, r.Failed, r.NeedsRoot)
	}
}
