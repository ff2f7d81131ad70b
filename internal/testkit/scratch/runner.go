package scratch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// Nobody is the ordinary user whose the runners are.
const Nobody = 65534

// Runner is a runner on a scratch machine, of user Nobody, whose Worker is the program given, with a mode and
// times of its own. bin is a folder, or with a version a link to bin.<version>.
func Runner(t testing.TB, machine, name, version, worker string) runner.Layout {
	t.Helper()
	root := filepath.Join(machine, "home/ci", name)
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
	Text(t, filepath.Join(root, ".runner"), "\ufeff{\"workFolder\": \"_work\"}")
	Text(t, filepath.Join(bin, "Runner.Worker.dll"), "code of "+version)
	Worker(t, bin, worker)
	Own(t, root)
	l, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Proved before what a Worker does makes it one that is the runner's own for sure.
const Proved = "proved: "

// OwnWorker is a script in the place of the runner's own Worker.
const OwnWorker = "#!/bin/sh\necho own\n"

// Newer and Wrapper are another version of the runner's own Worker, and what another tool puts in its place.
const (
	Newer   = Proved + "#!/bin/sh\necho newer\n"
	Wrapper = "#!/bin/sh\nexec \"$0.real\"\n"
)

// Worker puts a Worker into a bin folder, with what it says where it is not a program's path.
func Worker(t testing.TB, bin, worker string) {
	t.Helper()
	File(t, filepath.Join(bin, runner.WorkerName), worker)
}

// File makes one like that at any path.
func File(t testing.TB, path, worker string) {
	t.Helper()
	data := []byte(worker)
	if script, ok := strings.CutPrefix(worker, Proved); ok {
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
