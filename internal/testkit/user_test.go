package testkit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestOrdinaryUsersAreMadeHere: setpriv(1) alone makes a user to whom a file capability gives nothing.
func TestOrdinaryUsersAreMadeHere(t *testing.T) {
	tests := 0
	for _, dir := range []string{"cmd", "internal", "mounts", "nsenter", "scripts"} {
		err := filepath.WalkDir(filepath.Join(testkit.Root(), dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "user_test.go" {
				return err
			}
			tests++
			text, err := os.ReadFile(path)
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "--"+"reuid") && !strings.Contains(line, " sh -c") {
					t.Errorf("%s has setpriv start the program itself; use testkit.AsUser, UserWords or UserLine: %s", path, line)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if tests < 100 {
		t.Errorf("only %d files of tests were found", tests)
	}
}
