package show

import (
	"fmt"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
)

// picture shows the two Workers of an incident as bars: when both lived, the cleanups inside the other's life, and the
// timeline's rows by their numbers. It is 1000 units wide.
type picture struct {
	Title    string
	Ticks    []mark
	Both     bar
	Bars     []bar
	Cleanups []mark
	Marks    []mark
}

// bar is a Worker's life, or what two have in common.
type bar struct {
	X           string
	Y           int
	Width       string
	Class, Text string
	Since       string // the start, if that is left of the picture
}

// mark is a text at a moment.
type mark struct {
	X, Left     string
	Y, Width    int
	Class, Text string
	Right       bool // the text ends at X
	Fails       bool
}

// scale maps moments to x coordinates.
type scale struct {
	from, to    float64 // seconds since 1970
	left, right float64
}

func (s scale) x(t time.Time) float64 {
	at := (float64(t.Unix())-s.from)/(s.to-s.from)*(s.right-s.left) + s.left
	return min(max(at, s.left), s.right)
}

// step is the distance of ticks, one that people read easily.
func (s scale) step() float64 {
	for _, step := range [...]float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		if (s.to-s.from)/step <= 8 {
			return step
		}
	}
	return (s.to - s.from) / 8
}

func coordinate(x float64) string { return fmt.Sprintf("%.1f", x) }

func draw(i *audit.Incident) picture {
	const top, gap, height = 34, 62, 20
	s := window(i)
	p := picture{Title: fmt.Sprintf("The lives of Job A and Job B, %s UTC", i.From.Format(time.DateTime))}
	step := s.step()
	for t := float64(int64(s.from/step)+1) * step; t < s.to; t += step {
		at := time.Unix(int64(t), 0).UTC()
		p.Ticks = append(p.Ticks, mark{X: coordinate(s.x(at)), Text: at.Format(time.TimeOnly)})
	}
	span := func(from, to time.Time, least float64) bar {
		return bar{X: coordinate(s.x(from)), Width: coordinate(max(s.x(to)-s.x(from), least))}
	}
	p.Both = span(i.From, i.To, 1)
	for n, j := range [...]audit.Job{i.A, i.B} {
		b := span(j.Start, j.End, 2)
		b.Y, b.Class, b.Text = top+n*gap, [...]string{"a", "b"}[n], fmt.Sprintf("Job %c", 'A'+n)
		if float64(j.Start.Unix()) < s.from {
			b.Since = "since " + clock(i, j.Start)
		}
		p.Bars = append(p.Bars, b)
	}
	for _, row := range i.Timeline {
		if row.Kind == "cleanup" {
			m := mark{X: coordinate(s.x(row.Time)), Class: "deadly", Text: row.Actor + " wipes _temp", Right: s.x(row.Time) > 820}
			if i.Shielded {
				m.Class, m.Text = "calm", row.Actor+" empties its own _temp"
			}
			p.Cleanups = append(p.Cleanups, m)
		}
	}
	for lane, actor := range [...]string{"A", "B"} {
		p.Marks = append(p.Marks, marks(i, s, actor, top+lane*gap+height+14)...)
	}
	return p
}

// marks puts rows' numbers below Job A's or Job B's bar, those that would cover each other together.
func marks(i *audit.Incident, s scale, actor string, y int) []mark {
	var marks []mark
	var last float64
	for n, row := range i.Timeline {
		if (row.Actor == "B") != (actor == "B") || float64(row.Time.Unix()) < s.from {
			continue
		}
		x := s.x(row.Time)
		if len(marks) == 0 || x-last >= 26 {
			marks = append(marks, mark{X: coordinate(x), Y: y})
			last = x
		}
		m := &marks[len(marks)-1]
		m.Text = strings.TrimSpace(fmt.Sprint(m.Text, " ", n+1))
		m.Fails = m.Fails || row.Kind == "failure" || row.Kind == "lost"
		half := 5 + 4*len(m.Text)
		m.Left, m.Width = coordinate(last-float64(half)), 2*half
	}
	return marks
}

// window is the part of time that an incident's picture shows: from some time before Job B's start to
// the end of both, or of what the timeline tells, but not hours of a quiet rest.
func window(i *audit.Incident) scale {
	end := i.To
	for _, t := range []time.Time{i.A.End, i.B.End} {
		if t.After(end) {
			end = t
		}
	}
	last := i.To
	for _, row := range i.Timeline {
		if row.Kind != "end" && row.Time.After(last) {
			last = row.Time
		}
	}
	if most := last.Add(max(2*last.Sub(i.From), time.Minute)); end.After(most) {
		end = most
	}
	long := max(end.Sub(i.From), 4*time.Second)
	from := i.From.Add(-long * 2 / 5)
	if i.A.Start.After(from) {
		from = i.A.Start.Add(-long / 20)
	}
	return scale{float64(from.Unix()), float64(end.Add(long / 20).Unix()), 60, 990}
}
