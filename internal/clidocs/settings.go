package clidocs

import (
	"fmt"
	"strings"
)

// Settings makes the man page's ENVIRONMENT section of the table in a README whose rows are
// "| `NAME` | values | what it does |", so that there is one place to keep. It takes the rows whose names
// begin with prefix.
func Settings(readme []byte, prefix string) (string, error) {
	var b strings.Builder
	for line := range strings.Lines(string(readme)) {
		rest, ok := strings.CutPrefix(line, "| `"+prefix)
		if !ok {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(strings.TrimSpace(rest), "|"), " | ")
		if len(cells) != 3 {
			return "", fmt.Errorf("a row of %d cells and not 3: %s", len(cells), line)
		}
		name := prefix + strings.TrimSuffix(strings.TrimSpace(cells[0]), "`")
		fmt.Fprintf(&b, "**%s** (%s)\n: %s\n\n", escape(name), plainCode(cells[1]), plainCode(cells[2]))
	}
	if b.Len() == 0 {
		return "", fmt.Errorf("has no table of settings: no row begins with | `%s", prefix)
	}
	return "# ENVIRONMENT\n\n" + b.String(), nil
}

// plainCode takes the back quotes from `code` in a text, and keeps what is between them plain.
func plainCode(s string) string {
	parts := strings.Split(strings.TrimSpace(s), "`")
	for i := 1; i < len(parts); i += 2 {
		parts[i] = escape(parts[i])
	}
	return strings.Join(parts, "")
}
