package audit

import (
	"cmp"
	"slices"
	"time"
)

const (
	day = 24 * 3600
	// maxDays bounds the days drawn: those with overlaps first, then the latest.
	maxDays = 90
	// daysPart is how many days are one picture: paper cannot break one.
	daysPart = 10
)

// days draws every Worker's life as a bar, one line for each day; Workers that overlapped below each
// other.
func (r *Report) days(p *page) {
	if len(r.lives) == 0 {
		return
	}
	hit := map[*Life]bool{}   // overlapped, unshielded
	below := map[*Life]bool{} // drawn in the lower lane
	deadly := map[stamp][]stamp{}
	for _, i := range r.Incidents {
		o := i.overlap
		below[o.b] = !below[o.a]
		if o.shielded {
			continue
		}
		hit[o.a], hit[o.b] = true, true
		for _, d := range o.deadly {
			if !d.atStart {
				deadly[d.when/day] = append(deadly[d.when/day], d.when)
			}
		}
	}
	byDay := map[stamp][]*Life{}
	for _, l := range r.lives {
		// A life of over a week is a broken date, not a job.
		for d := l.start.when / day; d <= l.end.when/day && d < l.start.when/day+7; d++ {
			byDay[d] = append(byDay[d], l)
		}
	}
	dates, hidden := chosen(byDay, hit)

	p.raw("<h2>Lives of the Workers</h2>\n")
	first := true
	for part := range slices.Chunk(dates, daysPart) {
		p.openDays(len(part), first)
		for n, d := range part {
			y := number64(n*20 + 2)
			if first {
				y += 20
			}
			p.raw(`<text x="0" y="%.1f">`, y+12)
			p.el("", "</text>", "%s", (d * day).time().Format("Mon 2006-01-02"))
			p.raw(`<rect class="track" x="110" y="%.1f" width="870" height="16"/>`, y)
			drawDay(p, d, y, byDay[d], hit, below)
			for _, t := range deadly[d][:min(len(deadly[d]), 500)] {
				x := number64(dayX(t - d*day))
				p.raw(`<line class="deadly" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>`, x, x, y-2, y+18)
			}
		}
		p.raw("</svg></div>\n")
		first = false
	}
	p.el(`<p class="soft">`, "</p>\n", "Each bar is a Worker, by its start and end in UTC. Red bars shared _temp with another Worker; a red stroke is a cleanup inside another’s life.%s", hidden)
}

// openDays begins a picture of n days; the first has the hours above it.
func (p *page) openDays(n int, first bool) {
	if !first {
		p.raw(`<div class="picture more"><svg viewBox="0 0 1000 %.0f" role="img"><title>More days</title>`, number64(n*20))
		return
	}
	p.raw(`<div class="picture"><svg viewBox="0 0 1000 %.0f" role="img"><title>Each Worker’s life, by day</title>`, number64(n*20+20))
	for hour := 0; hour <= 24; hour += 4 {
		p.raw(`<text class="mid" x="%.1f" y="12">`, number64(dayX(stamp(hour*3600))))
		p.el("", "</text>", "%02d:00", hour)
	}
}

func dayX(second stamp) float64 { return 110 + float64(second)/day*870 }

// chosen picks the days to draw, latest first.
func chosen(byDay map[stamp][]*Life, hit map[*Life]bool) ([]stamp, string) {
	var dates []stamp
	for d := range byDay {
		dates = append(dates, d)
	}
	bad := func(d stamp) int {
		if slices.ContainsFunc(byDay[d], func(l *Life) bool { return hit[l] }) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(dates, func(a, b stamp) int { return cmp.Or(bad(b)-bad(a), cmp.Compare(b, a)) })
	hidden := ""
	if len(dates) > maxDays {
		hidden = " " + count(len(dates)-maxDays, "more day is", "more days are") + " not drawn."
		dates = dates[:maxDays]
	}
	slices.SortStableFunc(dates, func(a, b stamp) int { return cmp.Compare(b, a) })
	return dates, hidden
}

// drawDay draws one day's bars. Quiet ones that touch on the screen become one, so that the page does
// not grow with the number of jobs.
func drawDay(p *page, d stamp, y number64, lives []*Life, hit, below map[*Life]bool) {
	clip := func(t stamp) float64 { return dayX(min(max(t-d*day, 0), day)) }
	var from, to float64
	flush := func() {
		if to > 0 {
			p.raw(`<rect class="job" x="%.1f" y="%.1f" width="%.1f" height="16"/>`, number64(from), y, number64(max(to-from, 1)))
		}
		to = 0
	}
	for _, l := range lives { // in the order of their starts
		if hit[l] || below[l] {
			continue
		}
		start, end := clip(l.start.when), clip(l.end.when)
		if to > 0 && start < to+0.5 {
			to = max(to, end)
			continue
		}
		flush()
		from, to = start, end
	}
	flush()
	drawn := 0
	for _, l := range lives {
		if !hit[l] && !below[l] {
			continue
		}
		if drawn++; drawn > 500 {
			return
		}
		lane := y
		if below[l] {
			lane += 8
		}
		open := markup(`<rect class="hit"`)
		if !hit[l] {
			open = `<rect class="b"`
		}
		start, end := clip(l.start.when), clip(l.end.when)
		p.raw(open+` x="%.1f" y="%.1f" width="%.1f" height="7">`, number64(start), lane, number64(max(end-start, 1.5)))
		p.el("<title>", "</title></rect>", "%s %s, %s to %s", l.label(), l.name, l.start.when.time().Format(time.DateTime), l.end.when.time().Format(time.DateTime))
	}
}
