package input

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how many bytes of a text from a log are kept.
const MaxText = 300

// Text makes a bounded string of log bytes: valid UTF-8 of one line, without control characters.
func Text(b []byte, limit int) string {
	cut := len(b) > limit
	if cut {
		b = b[:limit]
	}
	s := strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '\ufffd'
		case unicode.IsControl(r):
			return ' '
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f:
			return -1 // direction marks would make a terminal or a browser show another order
		}
		return r
	}, strings.ToValidUTF8(string(b), "\ufffd"))
	if cut {
		s += "…"
	}
	return s
}
