package main

import (
	"fmt"
	"strings"
	"unicode"
)

// size writes a number of bytes for people, in binary units; partial marks a lower bound.
func size(bytes int64, partial bool) string {
	mark := ""
	if partial {
		mark = ">"
	}
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%s%d B", mark, bytes)
	}
	value, i := float64(bytes)/unit, 0
	for value >= unit && i < len("KMGTP")-1 {
		value /= unit
		i++
	}
	return fmt.Sprintf("%s%.1f %ciB", mark, value, "KMGTP"[i])
}

// printable replaces what could disturb a terminal or a table.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
