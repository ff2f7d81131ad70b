package doctor

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// Print writes the report as a table: a mark, what was looked at, what was found, and below what is not
// well why that matters and the command that mends it.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "This machine")
	printResults(w, r.Machine)
	for _, runner := range r.Runners {
		version := runner.Version
		if version == "" {
			version = "version unknown"
		}
		fmt.Fprintf(w, "\nRunner %s (%s, user %s)\n", Printable(runner.Root), version, Printable(runner.User))
		printResults(w, runner.Results)
	}
	fmt.Fprintf(w, "\n%s\n", r.conclusion())
	return w.Flush()
}

func printResults(w io.Writer, results []Result) {
	for _, r := range results {
		head := fmt.Sprintf("  %s %s", mark(r.Level), r.Check)
		for _, line := range wrap(Printable(r.What)) {
			fmt.Fprintf(w, "%s\t%s\n", head, line)
			head = ""
		}
		if r.Level == OK {
			continue
		}
		for _, line := range wrap(Printable(r.Why)) {
			fmt.Fprintf(w, "\t  %s\n", line)
		}
		if r.Mend != "" {
			fmt.Fprintf(w, "\t  → %s\n", Printable(r.Mend)) // in one piece, to be copied
		}
	}
}

// width is how long lines of the table's text may get; single words may be longer.
const width = 90

func wrap(s string) []string {
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > width {
			lines = append(lines, line)
			line, length = "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func mark(l Level) string {
	switch l {
	case OK:
		return "✓"
	case Warn:
		return "!"
	}
	return "✗"
}

func (r *Report) conclusion() string {
	protected := 0
	for _, runner := range r.Runners {
		if runner.Protected {
			protected++
		}
	}
	text := fmt.Sprintf("%d of %d runners are protected", protected, len(r.Runners))
	switch {
	case len(r.Runners) == 0:
		text = "no runner to protect"
	case len(r.Runners) == 1 && protected == 1:
		text = "the runner is protected"
	case len(r.Runners) == 1 && r.Runners[0].Unknown:
		text = "whether the runner is protected cannot be told"
	case len(r.Runners) == 1:
		text = "the runner is not protected"
	}
	if r.Level() == Warn {
		text += "; see the warnings (!) above"
	}
	if r.Level() == Fail {
		text += "; what has to be mended is marked ✗ above"
	}
	return text
}

// Printable replaces what could disturb a terminal or a table: names of files can hold anything.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
