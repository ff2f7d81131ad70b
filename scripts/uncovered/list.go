package main

import (
	"fmt"
	"os"
	"strings"
)

// entry names what is not covered: in a function of a file, the blocks whose text holds the snippet, or all
// of them where that is *.
type entry struct {
	file, function, snippet, reason string
	used                            bool
}

// readList reads "FILE FUNCTION | SNIPPET | REASON" lines. Line numbers would be wrong after each change.
func readList(path string) ([]*entry, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []*entry
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		where, rest, _ := strings.Cut(line, " | ")
		// The reason is last, as the snippet may hold Go's own bars.
		bar := strings.LastIndex(rest, " | ")
		words := strings.Fields(where)
		if bar < 0 || len(words) != 2 {
			return nil, fmt.Errorf("%s:%d: want FILE FUNCTION | SNIPPET | REASON, and got %q", path, n, line)
		}
		e := &entry{
			file: words[0], function: words[1],
			snippet: strings.Join(strings.Fields(rest[:bar]), " "), reason: strings.TrimSpace(rest[bar+3:]),
		}
		if e.snippet == "" || e.reason == "" {
			return nil, fmt.Errorf("%s:%d: neither the snippet nor the reason may be empty: %q", path, n, line)
		}
		out = append(out, e)
	}
	return out, nil
}

// names reports whether the entry names the gap.
func (e *entry) names(g gap) bool {
	return e.file == g.file && e.function == g.function && (e.snippet == "*" || strings.Contains(g.text, e.snippet))
}
