package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const source = `package p

func whole() int { return 1 }

type t struct{}

func (*t) half(a, b bool) int {
	first := open(a)
	if first {
		return 1
	}

	if b {
		return 2
	}
	return 3
}
`

// The method's two branches are blocks of their own; the first ran only in the second profile.
const sample = `mode: atomic
example.org/m/p/p.go:3.18,3.28 1 4
example.org/m/p/p.go:7.31,9.11 2 1
example.org/m/p/p.go:9.11,11.3 1 0
example.org/m/p/p.go:13.2,13.7 1 1
example.org/m/p/p.go:13.7,15.3 1 0
example.org/m/p/p.go:16.2,16.10 1 1
example.org/m/q/q.go:3.2,4.3 1 0
`

// judge reports on a module of the test's own, with the list given.
func judge(t *testing.T, list string) (bool, report, string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := os.Mkdir("p", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": "module example.org/m\n", "p/p.go": source, "profile": sample, "list": list} {
		if err := os.WriteFile(filepath.FromSlash(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := measureAll("list", "profile", []string{"p"})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r.print(&out, true)
	return r.complete(), r, out.String()
}

func TestUnnamedGapsAreAnError(t *testing.T) {
	ok, r, out := judge(t, "# nothing\n")
	if ok || len(r.unnamed) != 2 || len(r.named) != 0 {
		t.Errorf("ok %v, %+v", ok, r.unnamed)
	}
	for _, want := range []string{
		" 66.7%     4 of    6  p/p.go t.half\n", "100.0%     1 of    1  p/p.go whole\n", " 71.4%     5 of    7  p\n",
		"p/p.go:9: not covered, and not on the list: t.half | first := open(a) if first { return 1 }\n",
		"p/p.go:13: not covered, and not on the list: t.half | if b { return 2 }\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in:\n%s", want, out)
		}
	}
}

func TestNamedGaps(t *testing.T) {
	for list, complete := range map[string]bool{
		"p/p.go t.half | open(a) | never\np/p.go t.half | if  b { | a || b never is\n": true,
		"p/p.go t.half | * | never\n":       true,
		"p/p.go t.half | open(a) | never\n": false,
		"p/p.go whole | * | never\n":        false,
		"p/q.go t.half | * | never\n":       false,
	} {
		if ok, r, out := judge(t, list); ok != complete {
			t.Errorf("%q: %v, %+v\n%s", list, ok, r, out)
		}
	}
	if _, _, out := judge(t, "p/p.go t.half | * | never\np/p.go whole | * | never\n"); !strings.Contains(out, "note: covered this time, or gone: p/p.go whole | *\n") {
		t.Errorf("no note of what is covered by now:\n%s", out)
	}
}

// TestPackageThatIsMissing: one that was renamed, or that nothing measures, is no package without gaps.
func TestPackageThatIsMissing(t *testing.T) {
	judge(t, "# nothing\n")
	for _, packages := range [][]string{{"p", "r"}, {"r"}, {"p/"}} {
		if _, err := measureAll("list", "profile", packages); err == nil || !strings.Contains(err.Error(), "nothing of ") {
			t.Errorf("%q: %v", packages, err)
		}
	}
}

func TestListIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list")
	for text, want := range map[string]string{
		"p/p.go f | x\n":         ":1: want FILE FUNCTION | SNIPPET | REASON",
		"\n# x\np/p.go | x | y":  ":3: want FILE FUNCTION | SNIPPET | REASON",
		"p/p.go f |  | reason\n": "may be empty",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readList(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestProfileIsAdded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "profile")
	for _, text := range []string{"mode: atomic\nm/p/p.go:3.18,3.28 1 4\nm/p/p.go:3.18,3.28 1 2\n", "m/p/p.go:3.18 1 4\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p := profile{}
		if err := p.read(path, "m/"); (err == nil) != (p["p/p.go"][span{3, 18, 3, 28}] == block{1, 6}) {
			t.Errorf("%q: %v, %v", text, err, p)
		}
	}
}
