package cmdline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// NoSubcommand says that a name is none of a subcommand, and which one may have been meant.
func NoSubcommand(app *cli.App, given string) string {
	var names []string
	for _, c := range Shown(app) {
		names = append(names, c.Name)
	}
	text := fmt.Sprintf("%q is not a subcommand", given)
	if name := nearest(given, names); name != "" {
		text += ", the nearest is " + name
	}
	return text
}

// noOption is NoSubcommand for an option.
func noOption(c *cli.Command, given string) string {
	var names []string
	for _, f := range c.VisibleFlags() {
		names = append(names, f.Names()...)
	}
	text := "there is no option " + dashed(given)
	if name := nearest(given, names); name != "" {
		text += ", the nearest is " + dashed(name)
	}
	return text
}

// nearest is the name that was likely meant: one that given is a part of, or from which few typing mistakes lead to it.
// "" says that none is near: a far one would mislead.
func nearest(given string, names []string) (name string) {
	given = strings.ToLower(strings.TrimSpace(given))
	if given == "" {
		return ""
	}
	fewest := min((len(given)+2)/3, len(given)-1) + 1
	for _, n := range names {
		if m := mistakes(given, n); m < fewest {
			name, fewest = n, m
		}
	}
	for _, n := range names {
		if name == "" && (strings.HasPrefix(n, given) || len(given) > 2 && strings.Contains(n, given)) {
			name = n
		}
	}
	return name
}

// mistakes counts the letters that were left out, added, replaced, or exchanged with the next one (optimal string
// alignment).
func mistakes(a, b string) int {
	var before, last, row []int
	for j := range len(b) + 1 {
		last = append(last, j)
	}
	for i := 1; i <= len(a); i++ {
		row = append([]int{}, i)
		for j := 1; j <= len(b); j++ {
			same := last[j-1]
			if a[i-1] != b[j-1] {
				same++
			}
			n := min(last[j]+1, row[j-1]+1, same)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, before[j-2]+1)
			}
			row = append(row, n)
		}
		before, last = last, row
	}
	return last[len(b)]
}
