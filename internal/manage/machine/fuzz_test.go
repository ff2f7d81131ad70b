package machine

import (
	"slices"
	"strings"
	"testing"
)

// FuzzList: a root that is noted stands in the list once and is read back as it is; one that is taken out is there no
// more; and the others stay, in their order.
func FuzzList(f *testing.F) {
	for _, seed := range [][2]string{
		{"/r\n/s\n", "/t"}, {"/r\n/s\n", "/r"}, {"", "/r"}, {"\n\n/r", " /r "}, {"/r\r\n", "/r"}, {"/r\n", "/r\n/s"}, {"/r\n", ""}, {"/a\n/r\n/a\n/r\n", "/a"}, {"\x00\n\xff", "\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, root string) {
		roots := parseList(text)
		if slices.Contains(roots, "") || strings.Count(text, "\n")+1 < len(roots) {
			t.Fatalf("%q gives %q", text, roots)
		}
		if again := parseList(formatList(roots)); !slices.Equal(again, roots) {
			t.Fatalf("%q gives %q, and that %q", text, roots, again)
		}
		noted := parseList(formatList(with(root)(slices.Clone(roots))))
		possible := root != "" && !strings.Contains(root, "\n")
		switch {
		case !possible || slices.Contains(roots, root):
			if !slices.Equal(noted, roots) {
				t.Fatalf("%q and %q give %q", text, root, noted)
			}
		case !slices.Equal(noted, append(slices.Clone(roots), root)):
			t.Fatalf("%q and %q give %q", text, root, noted)
		}
		left := parseList(formatList(without(root)(slices.Clone(noted))))
		var others []string
		for line := range strings.Lines(text) {
			if line = strings.TrimSuffix(line, "\n"); line != "" && line != root {
				others = append(others, line)
			}
		}
		if !slices.Equal(left, others) {
			t.Fatalf("%q without %q gives %q", text, root, left)
		}
	})
}
