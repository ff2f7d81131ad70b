package screen_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var (
	columns = []screen.Column{{Head: "PID"}, {Head: "RUNNER", Cut: screen.Beginning}, {Head: "NAMESPACE", Wide: true}, {Head: "STEP", Cut: screen.End}}
	rows    = [][]screen.Cell{
		{{Text: "7"}, {Text: "/srv/actions/runners/of-an-organisation/größer-1"}, {Text: "mnt:[4026532000]"}, {Text: "Run a script with a long name\x1b[2J"}},
		{{Text: "12345"}, {Text: "/r"}, {Text: "mnt:[1]"}, {Text: "yes", Colour: screen.Green}},
	}
)

// TestTable: whatever the width, a table fits if that can be, and keeps the ends of paths and the beginnings of texts.
// It leaves nothing out without a terminal, or if everything is wanted.
func TestTable(t *testing.T) {
	print := func(s screen.Screen) string {
		var b strings.Builder
		s.Out = &b
		if err := s.Table(columns, rows); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	whole := print(screen.Screen{})
	if want := "PID    RUNNER                                            NAMESPACE         STEP\n" +
		"7      /srv/actions/runners/of-an-organisation/größer-1  mnt:[4026532000]  Run a script with a long name\uFFFD[2J\n" +
		"12345  /r                                                mnt:[1]           yes\n"; whole != want {
		t.Errorf("\n%swant\n%s", whole, want)
	}
	if got := print(screen.Screen{Width: 40, Wide: true}); got != whole {
		t.Errorf("wide:\n%s", got)
	}
	if got, want := print(screen.Screen{Width: 40, Colour: true}), "PID    RUNNER            STEP\n"+
		"7      …ation/größer-1  Run a script wi…\n12345  /r                \x1b[32myes\x1b[0m\n"; squeeze(got) != squeeze(want) {
		t.Errorf("40 columns:\n%swant\n%s", got, want)
	}
	for width := 30; width < 130; width++ {
		for line := range strings.Lines(print(screen.Screen{Width: width})) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns: %d in %q", width, n, line)
			}
		}
	}
}

func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestFold: what is too long goes on below its last column.
func TestFold(t *testing.T) {
	got := screen.Screen{Width: 30}.Fold("NAME:\n   --json  print an array of what there is\n   a paragraph of more than thirty columns\n")
	if want := "NAME:\n   --json  print an array of\n           what there is\n   a paragraph of more than\n   thirty columns\n"; got != want {
		t.Errorf("%s", got)
	}
}

// TestTime: each has its zone.
func TestTime(t *testing.T) {
	local := time.Local
	defer func() { time.Local = local }()
	time.Local = time.FixedZone("CEST", 2*3600)
	now := time.Date(2026, 4, 20, 12, 0, 0, 0, time.UTC)
	for moment, want := range map[time.Time]string{
		now.Add(-time.Minute):    "13:59:00 CEST",
		now.Add(-24 * time.Hour): "2026-04-19 14:00:00 CEST",
		now.AddDate(1, 0, 0):     "2027-04-20 14:00:00 CEST",
	} {
		if got := (screen.Screen{Now: now}).Time(moment); got != want {
			t.Errorf("%s: %s", want, got)
		}
	}
}

func TestWrap(t *testing.T) {
	s := screen.Screen{}.Page()
	long := strings.Repeat("x", s.Width+1)
	got := s.Wrap("a "+long+" b "+strings.Repeat("é ", s.Width), 10)
	if len(got) != 5 || got[0] != "a" || got[1] != long || !strings.HasPrefix(got[2], "b é é") || len(s.Wrap("", 0)) != 0 {
		t.Errorf("%q", got)
	}
}

func TestCount(t *testing.T) {
	if got := screen.Count(1, "folder") + ", " + screen.Count(int64(2), "folder") + ", " + screen.Count(0, "process"); got != "1 folder, 2 folders, 0 processes" {
		t.Error(got)
	}
}
