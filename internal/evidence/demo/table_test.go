package demo

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func someEvents(keys string) []event {
	var all []event
	for i, k := range strings.Fields(keys) {
		all = append(all, event{time.Duration(i) * time.Second, k, "something of the kind " + k})
	}
	return all
}

func TestAlign(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"x y z", "x y z", "x=x y=y z=z"},
		{"x y z", "x z", "x=x y=- z=z"},
		{"x z", "x y z", "x=x -=y z=z"},
		{"", "x", "-=x"},
		{"x y", "y x", "x=- y=y -=x"},
		{"x m e", "x o e", "x=x m=- -=o e=e"},
	} {
		var got []string
		for _, row := range align(someEvents(c.a), someEvents(c.b)) {
			name := func(e *event) string {
				if e == nil {
					return "-"
				}
				return e.key
			}
			got = append(got, name(row[0])+"="+name(row[1]))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%q beside %q: %s, want %s", c.a, c.b, text, c.want)
		}
	}
}

func TestTableWidth(t *testing.T) {
	a, b := someEvents("x y averyveryverylongkeythathasnoblanksandsomustbebrokensomewhere z"), someEvents("x z…")
	for _, width := range []int{30, 60, 80, 81, 200} {
		out := table(width, "Without worker-wrap", "With worker-wrap", a, b)
		for line := range strings.Lines(out) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns where there are %d: %q", n, width, line)
			}
		}
		if beside := strings.Contains(out, " | "); beside != (width >= narrowest) {
			t.Errorf("%d columns: side by side is %v", width, beside)
		}
		if strings.Count(out, "something") != len(a)+len(b) {
			t.Errorf("%d columns: events are missing:\n%s", width, out)
		}
	}
}
