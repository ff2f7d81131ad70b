package main

import (
	"bytes"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestCompletionsKnowAll holds the completions, which are static so that Tab runs no program with a capability, to the
// command line: each subcommand that is shown, and each of its flags.
func TestCompletionsKnowAll(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		out := &bytes.Buffer{}
		printing := newApp()
		printing.Writer = out
		if err := printing.Run([]string{"worker-wrap", "completion", shell}); err != nil {
			t.Fatal(err)
		}
		text := out.Bytes()
		knows := func(word string) {
			t.Helper()
			if !regexp.MustCompile(`(^|[^a-z])` + regexp.QuoteMeta(word) + `([^a-z-]|$)`).Match(text) {
				t.Errorf("%s: no %s", shell, word)
			}
		}
		flags := func(all []cli.Flag) {
			t.Helper()
			for _, f := range all {
				if v, ok := f.(cli.VisibleFlag); ok && v.IsVisible() {
					knows(f.Names()[0])
				}
			}
		}
		app := newApp()
		flags(app.Flags)
		for _, c := range app.Commands {
			if !c.Hidden {
				knows(c.Name)
				flags(c.Flags)
			}
		}
	}
}

// TestManPage builds what writes it, and looks for the parts that it is made of.
func TestManPage(t *testing.T) {
	cmd := exec.Command("go", "run", "-tags", "worker_wrap_docs", "./cmd/worker-wrap", "docs/settings.md")
	cmd.Dir = testkit.Root()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	page := strings.NewReplacer(`\-`, "-", `\_`, "_").Replace(string(out))
	for _, want := range []string{"worker-wrap", "WORKER_WRAP_FALLBACK", "SUBCOMMAND", "--runner-root", "uninstall", "EXIT STATUS", "125", "EXAMPLES", "doctor --quiet"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s in the man page", want)
		}
	}
}
