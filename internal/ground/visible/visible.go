// Package visible makes control characters visible. File names, arguments and logs can hold anything. They are printed
// on a terminal, perhaps root's, and in a log of one line for each event.
package visible

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line returns s as one line: each control character, and each byte that is not UTF-8, is replaced by its
// escape, as \x1b or \u009b. Everything else stays.
func Line(s string) string {
	for i, r := range s {
		if control(r, s[i:]) {
			return line(s)
		}
	}
	return s
}

// Word returns s as one word of a shell's command line, as it is where that is one.
func Word(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,="
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// Write is a command of root's that makes a file, and the folder that it is in, of what another one prints. Everybody may
// read them, whatever umask the person has: sudo takes that over. The option is one of tee(1)'s, or "".
func Write(prints, option, path string) string {
	to := Word(path)
	if option != "" {
		to = option + " " + to
	}
	dir := Word(filepath.Dir(path))
	return "sudo mkdir -p " + dir + " && " + prints + " | sudo tee " + to + " && sudo chmod a+rX " + dir + " " + Word(path)
}

func line(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case !control(r, s[i:]):
			b.WriteRune(r)
		case r == utf8.RuneError:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			escape(&b, r)
		}
	}
	return b.String()
}

// escape writes the escape of a control character, for one of C1 in the way that JSON has too.
func escape(b *strings.Builder, r rune) {
	if r < 0x80 {
		fmt.Fprintf(b, `\x%02x`, r)
	} else {
		fmt.Fprintf(b, `\u%04x`, r)
	}
}

// control reports whether r, with which rest begins, is a control character of either set (ECMA-48), or
// stands for a byte that is not UTF-8: a terminal may take one for a control character of C1.
func control(r rune, rest string) bool {
	if r == utf8.RuneError {
		_, size := utf8.DecodeRuneInString(rest)
		return size == 1
	}
	return unicode.IsControl(r)
}

// Writer returns a writer that passes text on to w as [Line] has it, but for the ends of lines and tabs.
// What it holds back is at most an unfinished character.
func Writer(w io.Writer) io.Writer { return &writer{w: w} }

type writer struct {
	w    io.Writer
	held string // the beginning of a character whose end was not written yet
}

func (w *writer) Write(p []byte) (int, error) {
	text := w.held + string(p)
	w.held = ""
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRuneInString(tail) {
				text, w.held = text[:len(text)-n], tail
			}
			break
		}
	}
	var b strings.Builder
	for text != "" {
		i := strings.IndexAny(text, "\n\t")
		if i < 0 {
			b.WriteString(Line(text))
			break
		}
		b.WriteString(Line(text[:i]))
		b.WriteByte(text[i])
		text = text[i+1:]
	}
	if _, err := io.WriteString(w.w, b.String()); err != nil {
		return 0, err
	}
	return len(p), nil
}
