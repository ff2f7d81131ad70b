package runner

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestEntry(t *testing.T) {
	long := "/" + strings.Repeat("x", maxEntry-len("#!/ __worker\n"))
	for place, possible := range map[string]bool{
		"/usr/lib/worker-wrap/worker-wrap": true, "/opt/50%/ä": true, long: true,
		long + "x": false, "/with blank/worker-wrap": false, "/tab\t": false, "/line\n": false, "relative": false, "": false,
	} {
		text, ok := Entry(place)
		if ok != possible {
			t.Errorf("%q: %v", place, ok)
		}
		if got, is := ParseEntry([]byte(text)); ok && (!is || got != place) {
			t.Errorf("%q comes back as %q, %v", place, got, is)
		}
	}
	for _, text := range []string{"", "#!", "#!/bin/sh\n", "#!/bin/sh __workers\n", "#! /x __worker\n", "#!x __worker\n", "#!/a b __worker\n", "/x __worker\n", "\n#!/x __worker\n"} {
		if place, is := ParseEntry([]byte(text)); is {
			t.Errorf("%q is an entry of %q", text, place)
		}
	}
}

// TestImageRecipe: what docs/image.md puts in the Worker's place is an entry of the binary that it installs.
func TestImageRecipe(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", "image.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "&& echo '")
	line, _, ok := strings.Cut(rest, "' >Runner.Worker ")
	if place, is := ParseEntry([]byte(line + "\n")); !ok || !is || !strings.Contains(string(page), "\nCOPY worker-wrap-amd64 "+place+"\n") {
		t.Errorf("%q is an entry of %q", line, place)
	}
}

func TestArguments(t *testing.T) {
	for line, want := range map[string]string{
		"/r/bin/Runner.Worker spawnclient 1 2":           "/r/bin/Runner.Worker spawnclient 1 2", // a link
		"/ww __worker /r/bin/Runner.Worker spawnclient":  "/r/bin/Runner.Worker spawnclient",
		"/ww __worker /r/bin/Runner.Worker.real":         "/r/bin/Runner.Worker.real",
		"/r/bin/Runner.Worker __worker /r/Runner.Worker": "/r/bin/Runner.Worker __worker /r/Runner.Worker", // the Worker's own
		"/ww __worker /r/bin/Runner.Worker.orig a":       "/r/bin/Runner.Worker.orig a",                    // another tool's name
		"/ww __worker":                    "",
		"/ww doctor /r/bin/Runner.Worker": "",
		"":                                "",
	} {
		args, ok := Arguments(strings.Fields(line))
		if ok != (want != "") || !slices.Equal(args, strings.Fields(want)) {
			t.Errorf("%q: %q, %v", line, args, ok)
		}
		started, first := Started([]byte(strings.ReplaceAll(line, " ", "\x00")+"\x00")), ""
		if f := strings.Fields(line + " "); ok {
			first = strings.TrimSuffix(args[0], ".orig") // as which others know it
		} else if len(f) > 0 {
			first = f[0]
		}
		if started != first {
			t.Errorf("%q was started as %q", line, started)
		}
	}
}

func TestKeptNames(t *testing.T) {
	for path, want := range map[string][]string{
		"/r/bin/Runner.Worker":      {"Runner.Worker.worker-wrap", "Runner.Worker.real"},
		"/r/bin/Runner.Worker.real": {"Runner.Worker.worker-wrap"},
		"/r/bin/Runner.Worker.orig": {"Runner.Worker.worker-wrap", "Runner.Worker.real"},
	} {
		if got := KeptNames(path); !slices.Equal(got, want) {
			t.Errorf("%s: %q", path, got)
		}
	}
}
