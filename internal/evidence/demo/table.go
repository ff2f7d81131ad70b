package demo

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	timeWidth = len("00.00  ")
	narrowest = 60 // columns for two timelines side by side
)

// table prints two timelines side by side, the same event in the same row where the order allows it; one below the
// other if there is no room.
func table(width int, titleA, titleB string, a, b []event) string {
	var out strings.Builder
	if width < narrowest {
		for _, t := range []struct {
			title  string
			events []event
		}{{titleA, a}, {titleB, b}} {
			fmt.Fprintf(&out, "\n%s\n", t.title)
			for _, e := range t.events {
				out.WriteString(strings.Join(cell(&e, width), "\n") + "\n")
			}
		}
		return out.String()
	}
	half := (width - len(" | ")) / 2
	line := func(left, right string) {
		fmt.Fprintln(&out, strings.TrimRight(pad(left, half)+" | "+right, " "))
	}
	line(titleA, titleB)
	fmt.Fprintln(&out, strings.Repeat("-", half)+"-+-"+strings.Repeat("-", half))
	for _, row := range align(a, b) {
		left, right := cell(row[0], half), cell(row[1], half)
		for i := range max(len(left), len(right)) {
			line(at(left, i), at(right, i))
		}
	}
	return out.String()
}

// align puts the events of two timelines into rows. Both keep their order.
func align(a, b []event) [][2]*event {
	has := func(rest []event, key string) bool {
		return slices.ContainsFunc(rest, func(e event) bool { return e.key == key })
	}
	var rows [][2]*event
	for len(a) > 0 || len(b) > 0 {
		switch {
		case len(b) == 0, len(a) > 0 && a[0].key != b[0].key && !has(b, a[0].key):
			rows = append(rows, [2]*event{&a[0], nil})
			a = a[1:]
		case len(a) == 0, a[0].key != b[0].key && !has(a, b[0].key):
			rows = append(rows, [2]*event{nil, &b[0]})
			b = b[1:]
		case a[0].key == b[0].key:
			rows = append(rows, [2]*event{&a[0], &b[0]})
			a, b = a[1:], b[1:]
		case a[0].at <= b[0].at: // both come later on the other side, in another order
			rows = append(rows, [2]*event{&a[0], nil})
			a = a[1:]
		default:
			rows = append(rows, [2]*event{nil, &b[0]})
			b = b[1:]
		}
	}
	return rows
}

// cell is an event in lines of at most width columns.
func cell(e *event, width int) []string {
	if e == nil {
		return nil
	}
	text := wrap(fmt.Sprintf("%5.2f  %s", e.at.Seconds(), e.text), width, strings.Repeat(" ", timeWidth))
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// wrap breaks text at blanks, or within a word that is too long, into lines of at most width columns. All
// but the first begin with indent.
func wrap(text string, width int, indent string) string {
	var out strings.Builder
	line := ""
	for i, word := range strings.Split(text, " ") {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width && strings.TrimSpace(line) != "" {
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line = indent
		} else if i > 0 {
			line += " "
		}
		line += word
		for utf8.RuneCountInString(line) > width {
			runes := []rune(line)
			out.WriteString(string(runes[:width]) + "\n")
			line = indent + string(runes[width:])
		}
	}
	out.WriteString(line + "\n")
	return out.String()
}

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(s)))
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return ""
}
