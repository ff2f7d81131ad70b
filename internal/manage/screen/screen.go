// Package screen lays out what people read: tables and paragraphs that fit the terminal, marks in colour, and times
// with their zone.
package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

// Screen is where to a subcommand prints. Its zero value, with an Out, is a file: no colours, tables of any width.
type Screen struct {
	Out    io.Writer
	Width  int  // of the terminal, in columns; 0 if there is none
	Wide   bool // lines may be longer than that, and nothing is left out
	Colour bool
	Now    time.Time
}

// Of returns the screen that f is, for text written to out.
func Of(f *os.File, out io.Writer) Screen {
	s := Screen{Out: out, Width: Columns(f), Now: time.Now()}
	_, no := os.LookupEnv("NO_COLOR")
	s.Colour = s.Width > 0 && (!no || os.Getenv("NO_COLOR") == "") && os.Getenv("TERM") != "dumb" // https://no-color.org
	return s
}

// Columns is the width of the terminal that f is; 0 if it is not a terminal.
func Columns(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

// Colour is what a text is shown in.
type Colour int

// The colours of text that is unchanged, well, doubtful, and not well.
const (
	None   Colour = 0
	Green  Colour = 32
	Yellow Colour = 33
	Red    Colour = 31
)

// Paint returns text in a colour, if the screen has colours.
func (s Screen) Paint(c Colour, text string) string {
	if c == None || !s.Colour {
		return text
	}
	return fmt.Sprintf("\x1b[%dm%s\x1b[0m", c, text)
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

// Roomy reports whether lines may have any length.
func (s Screen) Roomy() bool { return s.Width == 0 || s.Wide }

// Time is a moment with its zone, the local one; today's has no date.
func (s Screen) Time(t time.Time) string {
	t, now := t.Local(), s.Now.Local()
	if t.YearDay() == now.YearDay() && t.Year() == now.Year() {
		return t.Format(time.TimeOnly + " MST")
	}
	return t.Format(time.DateTime + " MST")
}

// Size writes a number of bytes for people.
func Size(n int64) string {
	units := [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
	f, i := float64(n), 0
	for f >= 1024 && i < len(units)-1 {
		f, i = f/1024, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, units[i])
}

// Count is a number of things, whose name has a plural in s or es.
func Count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	if strings.HasSuffix(thing, "s") {
		thing += "e"
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
