package visible_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// TestWrite: the umask of whoever types the command has no say in what it makes.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a folder", "file")
	sudo := "#!/bin/sh\nexec \"$@\"\n"
	if err := os.WriteFile(filepath.Join(dir, "sudo"), []byte(sudo), 0o755); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cmd := exec.Command("sh", "-c", "umask 077; "+visible.Write("echo it", "-a", path))
		cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "it\n" {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "it\nit\n" {
		t.Errorf("%q, %v", data, err)
	}
	for at, want := range map[string]os.FileMode{path: 0o644, filepath.Dir(path): 0o755} {
		if st, err := os.Stat(at); err != nil || st.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", at, st.Mode(), err)
		}
	}
}

func TestLine(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "plain": "plain", "größer ✗ \ufffd": "größer ✗ \ufffd", "a\nb": `a\x0ab`, "\x1b[2J": `\x1b[2J`, "\x7f": `\x7f`,
		"\u009b31m": `\u009b31m`, "\x9b31m": `\x9b31m`, "ü\xc3": `ü\xc3`, "\u00a0": "\u00a0",
	} {
		if got := visible.Line(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestWord(t *testing.T) {
	for s, want := range map[string]string{
		"": "''", "a/b.c": "a/b.c", "--x=1": "--x=1", "a b": "'a b'", "it's": `'it'\''s'`, "a$b": "'a$b'", "a*b": "'a*b'",
	} {
		if got := visible.Word(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

// TestWriter: however the text is cut into writes, it comes out as if it were one.
func TestWriter(t *testing.T) {
	const text, want = "größer\t✗\n\x1b[2J\u009b\x9b€\xe2\x82x", "größer\t✗\n\\x1b[2J\\u009b\\x9b€\\xe2\\x82x"
	for size := 1; size <= len(text); size++ {
		var out strings.Builder
		w := visible.Writer(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if written, err := w.Write([]byte(rest[:n])); written != n || err != nil {
				t.Fatal(written, err)
			}
			rest = rest[n:]
		}
		if out.String() != want {
			t.Errorf("in pieces of %d: %q, want %q", size, &out, want)
		}
	}
}

func FuzzWriter(f *testing.F) {
	f.Add("a\x1b", "\u009b\xe2")
	f.Add("\xe2\x82", "\xac\n")
	f.Fuzz(func(t *testing.T, a, b string) {
		var out strings.Builder
		w := visible.Writer(&out)
		_, _ = w.Write([]byte(a))
		_, _ = w.Write([]byte(b))
		got := out.String()
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			t.Errorf("%q and %q give %q", a, b, got)
		}
		if line := visible.Line(a + b); strings.ContainsFunc(line, unicode.IsControl) || !utf8.ValidString(line) {
			t.Errorf("%q gives %q", a+b, line)
		}
	})
}
