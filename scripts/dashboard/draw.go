package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"time"
)

// The picture's measures, in SVG user units.
const (
	column, row   = 48, 30 // of Grafana's grid
	columns       = 24
	head, foot    = 64, 34
	gap           = 4
	titleHeight   = 26
	axis          = 66 // room for the numbers
	legendHeight  = 18
	legendColumns = 2
	letter        = 7 // its width
)

const style = `
svg { --ground: #f4f5f5; --panel: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; --good: #1a7f37;
  --c0: #1a7f37; --c1: #bc4c00; --c2: #0969da; --c3: #8250df; --c4: #bf3989; --c5: #59636e; --c6: #9a6700; --c7: #cf222e; }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --panel: #161b22; --ink: #e6edf3; --faint: #9198a1; --grid: #30363d; --good: #3fb950;
    --c0: #3fb950; --c1: #f0883e; --c2: #58a6ff; --c3: #a371f7; --c4: #f778ba; --c5: #9198a1; --c6: #d29922; --c7: #ff7b72; }
}
.ground { fill: var(--ground) } .panel { fill: var(--panel); stroke: var(--grid) }
text { fill: var(--ink); font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
.title { font-size: 17px; font-weight: 600 } .head { font-weight: 600 } .faint { fill: var(--faint); font-size: 11px }
.big { font-size: 44px; font-weight: 600; fill: var(--good) } .grid { stroke: var(--grid) } .line { fill: none; stroke-width: 2 }
`

// draw draws the panels where the dashboard has them.
func (b board) draw(from, to time.Time) []byte {
	rows := 0
	for _, p := range b.Panels {
		rows = max(rows, p.GridPos.Y+p.GridPos.H)
	}
	width, height := columns*column+2*gap, rows*row+head+foot
	var out bytes.Buffer
	fmt.Fprintf(&out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\" aria-labelledby=\"title\">\n<style>%s</style>\n", width, height, width, height, style)
	out.WriteString("<rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"8\"/>\n")
	text(&out, "title", "start", 16, 28, "The panels of docs/grafana.json, drawn from a real Prometheus, not by Grafana", "title")
	text(&out, "faint", "start", 16, 48, "node_exporter's textfile collector, "+from.UTC().Format("2006-01-02 15:04:05")+" to "+to.UTC().Format("15:04:05")+" UTC; real Workers of two runners", "")
	for i := range b.Panels {
		b.Panels[i].draw(&out, from, to)
	}
	text(&out, "faint", "start", 16, float64(height-12), "made by scripts/dashboard-picture, which fails if a panel has no data", "")
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (p *panel) draw(out *bytes.Buffer, from, to time.Time) {
	x, y := float64(gap+p.GridPos.X*column), float64(head+p.GridPos.Y*row)
	w, h := float64(p.GridPos.W*column-gap), float64(p.GridPos.H*row-gap)
	fmt.Fprintf(out, "<rect class=\"panel\" x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" rx=\"3\"/>\n", x, y, w, h)
	text(out, "head", "start", x+10, y+18, p.Title, "")
	if p.Type == "stat" {
		last := p.series[0].points[len(p.series[0].points)-1]
		text(out, "big", "middle", x+w/2, y+h/2+28, p.number(math.Round(last[1])), "")
		return
	}
	most := 0.0
	for _, s := range p.series {
		for _, v := range s.points {
			most = max(most, v[1])
		}
	}
	most = nice(most)
	legends := float64((len(p.series) + legendColumns - 1) / legendColumns * legendHeight)
	left, right, top, bottom := x+axis, x+w-12, y+titleHeight+8, y+h-legends-26
	for i := range 3 {
		at := bottom - (bottom-top)*float64(i)/2
		fmt.Fprintf(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\"/>\n", left, right, at, at)
		text(out, "faint", "end", left-6, at+4, p.number(most*float64(i)/2), "")
	}
	begin, end := float64(from.UnixMilli())/1000, float64(to.UnixMilli())/1000
	text(out, "faint", "start", left, bottom+14, from.UTC().Format("15:04:05"), "")
	text(out, "faint", "end", right, bottom+14, to.UTC().Format("15:04:05"), "")
	for i, s := range p.series {
		fmt.Fprintf(out, "<polyline class=\"line\" style=\"stroke: var(--c%d)\" points=\"", i%8)
		for _, v := range s.points {
			fmt.Fprintf(out, "%.1f,%.1f ", left+(right-left)*(v[0]-begin)/(end-begin), bottom-(bottom-top)*v[1]/most)
		}
		out.WriteString("\"/>\n")
		lx, ly := x+12+float64(i%legendColumns)*w/legendColumns, bottom+32+float64(i/legendColumns*legendHeight)
		fmt.Fprintf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" style=\"stroke: var(--c%d); stroke-width: 3\"/>\n", lx, lx+14, ly-4, ly-4, i%8)
		text(out, "faint", "start", lx+20, ly, ending(s.legend, int(w/legendColumns-36)/letter), "")
	}
}

// ending returns the end of s if it is longer than most letters.
func ending(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return "…" + s[len(s)-most+1:]
}

// nice returns a number not below n for the end of an axis.
func nice(n float64) float64 {
	if n <= 0 {
		return 2
	}
	power := math.Pow10(int(math.Floor(math.Log10(n))))
	for _, m := range []float64{1, 2, 4, 6, 8, 10} {
		if n <= m*power {
			return m * power
		}
	}
	return n
}

// number writes a value in the panel's unit.
func (p *panel) number(n float64) string {
	unit := ""
	switch p.FieldConfig.Defaults.Unit {
	case "bytes":
		for _, u := range []string{" B", " KiB", " MiB", " GiB"} {
			if unit = u; n < 1024 {
				break
			}
			n /= 1024
		}
	case "s":
		unit = " s"
	}
	return strconv.FormatFloat(math.Round(n*100)/100, 'f', -1, 64) + unit
}

func text(out *bytes.Buffer, class, anchor string, x, y float64, s, id string) {
	if id != "" {
		id = ` id="` + id + `"`
	}
	fmt.Fprintf(out, "<text class=\"%s\" text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\"%s>%s</text>\n", class, anchor, x, y, id, html.EscapeString(s))
}
