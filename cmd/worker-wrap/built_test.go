package main

import (
	"os"
	"os/exec"
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
		}
	}
}
