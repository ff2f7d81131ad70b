package program

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestIsShim(t *testing.T) {
	dir := testkit.Files(t, map[string]string{
		"text":  mark,
		"empty": "",
	})
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		testkit.Binary(t):             true,
		"/bin/sh":                     false,
		tool:                          false, // another's program in Go
		filepath.Join(dir, "text"):    false,
		filepath.Join(dir, "empty"):   false,
		filepath.Join(dir, "nothing"): false,
	} {
		if got := IsShim(path); got != want {
			t.Errorf("IsShim(%s) = %v", path, got)
		}
	}
}
