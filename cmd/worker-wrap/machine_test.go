package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// onMachine runs a shell script as root on a copy of this machine that is thrown away. Its folder has the built binary,
// ww, and the runners r of nobody and s of root, whose Worker is a shell. as USER runs a command. It returns what the
// script prints on both outputs.
func onMachine(t *testing.T, script string) string {
	t.Helper()
	return inMachine(t, "scratch-machine", script)
}

// inMachine does that on the kind of machine that a script of scripts/lib makes.
func inMachine(t *testing.T, machine, script string) string {
	t.Helper()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "getcap", "libcap2-bin")
	testkit.RequireTool(t, "setpriv", "util-linux")
	binary, err := os.ReadFile(testkit.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := testkit.Dir(t)
	if err := os.WriteFile(filepath.Join(dir, "ww"), binary, 0o755); err != nil {
		t.Fatal(err)
	}
	prologue := `set -eu
PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/bin:/usr/sbin:/sbin
cd "$1"
for r in r s; do
	mkdir -p $r/bin $r/_diag $r/_work/_temp
	echo '{"workFolder": "_work"}' >$r/.runner
	cp /bin/sh $r/bin/Runner.Worker
done
chown -R nobody: r
as() { user=$1; shift; ` + testkit.UserLine(`"$user"`, "nogroup") + ` "$@"; }
code() { "$@" && echo "exit 0" || echo "exit $?"; }
`
	file := filepath.Join(dir, "script")
	if err := os.WriteFile(file, []byte(prologue+script), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(testkit.Root(), "scripts", "lib", machine), "sh", file, dir)
	// A setting that a start does not know, such as those of the tests, makes it go the longer way.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "WORKER_WRAP_") })
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.ReplaceAll(string(out), dir, "$W")
}

func compareLines(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
