package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLinksNoCgo: nothing that the program imports links cgo where there is a C compiler. A program with cgo cannot
// give up its capabilities in all threads.
func TestLinksNoCgo(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/worker-wrap")
	cmd.Dir, cmd.Env = testkit.Root(), append(os.Environ(), "CGO_ENABLED=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("go list says only %q", deps)
	}
	for _, dep := range deps {
		switch dep {
		case "runtime/cgo", "os/user", "net":
			t.Errorf("the program imports %s", dep)
		case "crypto/internal/fips140/drbg": // by crypto/sha256, say
			t.Errorf("the program imports %s, which has 32 MiB of zeros: under RLIMIT_DATA the kernel would not start it", dep)
		}
	}
}

// TestBuiltByHand: a plain go build works, with a C compiler at hand and without, for an ordinary user and for one whom a
// file capability serves. go run and go install build in the same way.
func TestBuiltByHand(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "gcc", "gcc")
	const user = 61234
	for _, cgo := range []string{"0", "1"} {
		t.Run("CGO_ENABLED="+cgo, func(t *testing.T) {
			dir := testkit.Dir(t)
			bare := filepath.Join(dir, "bare")
			build := exec.Command("go", "build", "-o", bare, "./cmd/worker-wrap")
			build.Dir, build.Env = testkit.Root(), append(os.Environ(), "CGO_ENABLED="+cgo, "CC=gcc")
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			capable := testkit.CapableCopy(t, bare)
			work := filepath.Join(dir, "work")
			if err := os.MkdirAll(filepath.Join(work, "_temp"), 0o755); err != nil {
				t.Fatal(err)
			}
			testkit.Give(t, work, user)
			for _, test := range []struct {
				program string
				args    []string
				want    string
			}{
				{bare, []string{"demo"}, "Without: "},
				{capable, []string{"demo"}, "Without: "},
				{capable, []string{"--temp", work + "/_temp", "--", "/bin/sh", "-c", "echo $WORKER_WRAP_HOST_TEMP"}, work + "/.worker-wrap/"},
				{capable, []string{"ps", "--json"}, "["}, // status would judge the runners of other tests, which come and go
				{capable, []string{"__sweep", work + "/.worker-wrap"}, ""},
			} {
				cmd := testkit.AsUser(exec.Command(test.program, test.args...), user)
				cmd.Dir, cmd.Env = work, []string{"PATH=/usr/bin:/bin", "TMPDIR=" + work}
				if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), test.want) {
					t.Errorf("%s %q: %v\n%s", filepath.Base(test.program), test.args, err, out)
				}
			}
		})
	}
}
