package screen

import (
	"strings"
	"unicode/utf8"
)

// Page returns the screen with a width for text that is read as a page, even without a terminal.
func (s Screen) Page() Screen {
	if s.Width == 0 {
		s.Width = 109
	}
	return s
}

// Wrap returns a text as lines of at most the screen's width without indent columns. A word that is longer stays whole.
func (s Screen) Wrap(text string, indent int) []string {
	var lines []string
	line, length := "", 0
	for _, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		if length > 0 && indent+length+1+n > s.Width && !s.Roomy() {
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

// Fold wraps each line of a page that is too long. What follows goes on below the line's last column, as the one that two
// blanks part from the one before.
func (s Screen) Fold(page string) string {
	var b strings.Builder
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if s.Roomy() || utf8.RuneCountInString(line) <= s.Width {
			b.WriteString(line + "\n")
			continue
		}
		head := ""
		if i := strings.LastIndex(line, "  "); i >= 0 {
			head = line[:i+2]
		}
		hang := strings.Repeat(" ", utf8.RuneCountInString(head))
		for i, part := range s.Wrap(line[len(head):], len(hang)) {
			if i > 0 {
				head = hang
			}
			b.WriteString(head + part + "\n")
		}
	}
	return b.String()
}
