package audit

import (
	"fmt"
	"strings"
	"time"
)

// scale maps moments to x coordinates of a picture 1000 units wide.
type scale struct {
	from, to    float64 // seconds since 1970
	left, right float64
}

func (s scale) x(t time.Time) number64 {
	at := (float64(t.Unix())-s.from)/(s.to-s.from)*(s.right-s.left) + s.left
	return number64(min(max(at, s.left), s.right))
}

// steps are distances of ticks that people read easily, in seconds.
var steps = [...]float64{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400}

func (s scale) step() float64 {
	for _, step := range steps {
		if (s.to-s.from)/step <= 8 {
			return step
		}
	}
	return (s.to - s.from) / 8
}

// lives draws the two Workers of an incident as bars: when both lived, the cleanups inside the other's
// life, and the timeline's rows by their numbers.
func (p *page) lives(i *Incident) {
	const top, gap, height = 34, 62, 20
	s := i.window()
	p.raw(`<div class="picture"><svg viewBox="0 0 1000 190" role="img">`)
	p.el("<title>", "</title>", "The lives of Job A and Job B, %s UTC", i.From.Format(time.DateTime))
	step := s.step()
	for t := float64(int64(s.from/step)+1) * step; t < s.to; t += step {
		at := time.Unix(int64(t), 0).UTC()
		x := s.x(at)
		p.raw(`<line class="grid" x1="%.1f" x2="%.1f" y1="20" y2="160"/>`, x, x)
		p.raw(`<text class="mid" x="%.1f" y="180">`, x)
		p.el("", "</text>", "%s", at.Format(time.TimeOnly))
	}
	p.raw(`<rect class="both" x="%.1f" y="20" width="%.1f" height="140"/>`, s.x(i.From), max(s.x(i.To)-s.x(i.From), 1))
	for n, j := range [...]Job{i.A, i.B} {
		y := number64(top + n*gap)
		x, end := s.x(j.Start), s.x(j.End)
		class := [...]markup{`<rect class="a"`, `<rect class="b"`}[n]
		p.raw(class+` x="%.1f" y="%.1f" width="%.1f" height="20" rx="3"/>`, x, y, max(end-x, 2))
		p.raw(`<text class="name" x="0" y="%.1f">`, y+15)
		p.el("", "</text>", "Job %c", 'A'+n)
		if float64(j.Start.Unix()) < s.from {
			p.raw(`<text x="%.1f" y="%.1f">`, s.x(j.Start)+6, y-5)
			p.el("", "</text>", "since %s", i.clock(j.Start))
		}
	}
	for _, row := range i.Timeline {
		if row.Kind == "cleanup" {
			p.cleanup(s.x(row.Time), row, i.Shielded)
		}
	}
	p.marks(i, s, top, gap, height)
	p.raw("</svg></div>\n")
}

func (p *page) cleanup(x number64, row Row, shielded bool) {
	line, label := markup(`<line class="deadly"`), markup(`<text class="deadlytext`)
	if shielded {
		line, label = `<line class="calm"`, `<text class="calmtext`
	}
	p.raw(line+` x1="%.1f" x2="%.1f" y1="16" y2="160"/>`, x, x)
	if x > 820 {
		p.raw(label+` end" x="%.1f" y="12">`, x)
	} else {
		p.raw(label+`" x="%.1f" y="12">`, x)
	}
	if shielded {
		p.el("", "</text>", "%s empties its own _temp", row.Actor)
	} else {
		p.el("", "</text>", "%s wipes _temp", row.Actor)
	}
}

// marks puts the rows' numbers on the bars, those that would cover each other together.
func (p *page) marks(i *Incident, s scale, top, gap, height int) {
	type mark struct {
		x      number64
		labels []string
		fail   bool
	}
	var lanes [2][]mark
	for n, row := range i.Timeline {
		lane := 0
		if row.Actor == "B" {
			lane = 1
		}
		if float64(row.Time.Unix()) < s.from {
			continue
		}
		x, label := s.x(row.Time), fmt.Sprint(n+1)
		last := len(lanes[lane]) - 1
		if last >= 0 && x-lanes[lane][last].x < 26 {
			m := &lanes[lane][last]
			m.labels, m.fail = append(m.labels, label), m.fail || row.Kind == "failure"
			continue
		}
		lanes[lane] = append(lanes[lane], mark{x, []string{label}, row.Kind == "failure"})
	}
	for lane, marks := range lanes {
		y := number64(top + lane*gap + height + 14)
		for _, m := range marks {
			label := strings.Join(m.labels, " ")
			half := number64(5 + 4*len(label))
			open := markup(`<rect class="dot"`)
			if m.fail {
				open = `<rect class="dot fail"`
			}
			p.raw(open+` x="%.1f" y="%.1f" width="%.1f" height="18" rx="9"/>`, m.x-half, y-10, 2*half)
			p.raw(`<text class="num" x="%.1f" y="%.1f">`, m.x, y+3)
			p.el("", "</text>", "%s", label)
		}
	}
}

// window is the part of time that an incident's picture shows: from some time before Job B's start to
// the end of both, or of what the timeline tells, but not hours of a quiet rest.
func (i *Incident) window() scale {
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
