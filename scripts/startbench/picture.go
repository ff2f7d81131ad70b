package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
)

// The picture's measures, in SVG user units.
const (
	width, height          = 860, 440
	left, right            = 70, 600 // of the plot; labels stand right of it
	top, bottom            = 76, 376
	labelStep              = 18 // least distance of two labels
	lowest, highest        = 0.1, 10000.0
	pictureStyle    string = `
svg { --ground: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0;
  --a: #59636e; --b: #0969da; --c: #bc4c00; --d: #1a7f37; --e: #8250df; --f: #bf3989; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --ink: #e6edf3; --faint: #9198a1; --grid: #30363d;
    --a: #9198a1; --b: #58a6ff; --c: #f0883e; --d: #3fb950; --e: #a371f7; --f: #f778ba; }
}
rect { fill: var(--ground) }
text { fill: var(--ink); font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
.title { font-size: 16px; font-weight: 600 }
.faint { fill: var(--faint); font-size: 12px }
.grid { stroke: var(--grid); stroke-width: 1 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round; stroke-linecap: round }
.own { stroke-width: 4 }
.label { font-weight: 600 }
`
)

// colours are the style's variables, by the name of the peer.
var colours = map[string]string{"floor": "a", "alone": "b", "private": "f", "bwrap": "c", "unshare+sh": "d", "go": "e"}

// line is one peer's cost in milliseconds at each series.
type line struct {
	name, label string
	costs       []float64
	at          float64 // where its label goes, y
}

// picture draws the cost of each labelled peer against the number of mounts, on a logarithmic scale. The SVG needs
// nothing else and follows the reader's light or dark theme.
func picture(r report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title\">\n",
		width, height, width, height)
	fmt.Fprintf(&b, "<style>%s</style>\n<rect width=\"100%%\" height=\"100%%\" rx=\"8\"/>\n", pictureStyle)
	text(&b, "title", "start", left-50, 30, "What a start costs, over starting the command bare", "title")
	text(&b, "faint", "start", left-50, 50, "milliseconds, logarithmic, against the number of mounts on the machine", "")
	most := 1
	for _, s := range r.Series {
		most = max(most, s.Mounts)
	}
	x := func(mounts int) float64 { return left + (right-left)*float64(mounts)/float64(most) }
	low, high := span(r)
	y := func(ms float64) float64 {
		return bottom - (bottom-top)*(math.Log10(min(max(ms, low), high))-math.Log10(low))/(math.Log10(high)-math.Log10(low))
	}
	for ms := low; ms <= high*1.01; ms *= 10 {
		fmt.Fprintf(&b, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>\n", left, right, y(ms), y(ms))
		text(&b, "faint", "end", left-8, y(ms)+4, strconv.FormatFloat(ms, 'f', -1, 64), "")
	}
	for mounts := 0; mounts <= most; mounts += 1000 {
		text(&b, "faint", "middle", x(mounts), bottom+20, fmt.Sprint(mounts), "")
	}
	lines := linesOf(r)
	place(lines, y)
	for _, l := range lines {
		class := "line"
		if l.name == "alone" || l.name == "private" {
			class += " own"
		}
		fmt.Fprintf(&b, "<polyline class=\"%s\" style=\"stroke: var(--%s)\" points=\"", class, colours[l.name])
		for i, ms := range l.costs {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(r.Series[i].Mounts), y(ms))
		}
		b.WriteString("\"/>\n")
		first, last := l.costs[0], l.costs[len(l.costs)-1]
		fmt.Fprintf(&b, "<text class=\"label\" x=\"%d\" y=\"%.1f\" style=\"fill: var(--%s)\">%s <tspan class=\"faint\">%s … %s</tspan></text>\n",
			right+10, l.at+4, colours[l.name], html.EscapeString(l.label), short(first), short(last)+" ms")
	}
	text(&b, "faint", "start", left-50, height-18, fmt.Sprintf("medians of %d to %d runs each; %s; %s", r.leastRounds(), r.mostRounds(), r.Machine, r.Date), "")
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// linesOf takes the peers that have a label and were measured in every series.
func linesOf(r report) []line {
	var lines []line
	for _, t := range r.Series[0].Times {
		if t.Label == "" {
			continue
		}
		l := line{name: t.Name, label: t.Label}
		for _, s := range r.Series {
			if found, ok := s.find(t.Name); ok {
				l.costs = append(l.costs, s.cost(found)/1000)
			}
		}
		if len(l.costs) == len(r.Series) {
			lines = append(lines, l)
		}
	}
	return lines
}

// place gives each line's label the height of its end, moved apart if they would overlap.
func place(lines []line, y func(float64) float64) {
	order := make([]*line, len(lines))
	for i := range lines {
		lines[i].at = y(lines[i].costs[len(lines[i].costs)-1])
		order[i] = &lines[i]
	}
	slices.SortStableFunc(order, func(a, b *line) int { return int(a.at - b.at) })
	for range 50 { // each pass moves overlapping neighbours apart by equal parts
		for i := 1; i < len(order); i++ {
			if gap := order[i].at - order[i-1].at; gap < labelStep {
				order[i-1].at -= (labelStep - gap) / 2
				order[i].at += (labelStep - gap) / 2
			}
		}
	}
}

// span gives the powers of ten around all costs that are drawn.
func span(r report) (low, high float64) {
	least, greatest := highest, lowest
	for _, l := range linesOf(r) {
		least, greatest = min(least, slices.Min(l.costs)), max(greatest, slices.Max(l.costs))
	}
	return max(lowest, math.Pow10(int(math.Floor(math.Log10(max(least, lowest)))))),
		min(highest, math.Pow10(int(math.Ceil(math.Log10(greatest)))))
}

func (r report) leastRounds() int {
	n := r.Series[0].Rounds
	for _, s := range r.Series {
		n = min(n, s.Rounds)
	}
	return n
}

func (r report) mostRounds() int {
	n := 0
	for _, s := range r.Series {
		n = max(n, s.Rounds)
	}
	return n
}

func text(b *bytes.Buffer, class, anchor string, x, y float64, s, id string) {
	if id != "" {
		id = ` id="` + id + `"`
	}
	fmt.Fprintf(b, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", class, anchor, x, y, id, html.EscapeString(s))
}

func short(ms float64) string {
	if ms < 10 {
		return strconv.FormatFloat(ms, 'f', 1, 64)
	}
	return strconv.FormatFloat(ms, 'f', 0, 64)
}
