package main

import (
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// TestPrintLeft: what a process says of itself disturbs no terminal, and the table fits one.
func TestPrintLeft(t *testing.T) {
	now := time.Date(2026, 4, 20, 12, 0, 0, 0, time.Local)
	list := []left.Process{
		{PID: 7, UID: os.Getuid(), Since: now.Add(-90 * time.Minute), Memory: 3 << 20, Command: "sleep\x1b[2J 9", Runner: "/srv/runner", Begun: now.Add(-2 * time.Hour)},
		{PID: 8, UID: -1, Since: now.Add(-time.Second), Command: "[ssh-agent]", Runner: "/srv/runner", Begun: now, Why: "a person's: \x1b"},
	}
	var b strings.Builder
	if err := printLeft(screen.Screen{Out: &b, Now: now}, list); err != nil {
		t.Fatal(err)
	}
	zone := now.Format(" MST")
	for _, want := range []string{"1h30m0s", "3.0 MiB", "/srv/runner", "10:00:00" + zone, "sleep\uFFFD[2J 9", "ends it\n", "8    ?", "does not: a person's: \uFFFD\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	b.Reset()
	if err := printLeft(screen.Screen{Out: &b, Now: now, Width: 80}, list); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line); n > 81 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	b.Reset()
	printEnded(&b, list[:1], list[1:], false)
	printEnded(&b, list[:1], nil, true)
	user := userOf(os.Getuid())
	if want := "  ended process 7 of " + user + ": sleep\uFFFD[2J 9\n  process 8 of ? stays (a person's: \\x1b): [ssh-agent]\n  would end process 7 of " + user + ": sleep\uFFFD[2J 9\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
