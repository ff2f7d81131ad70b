package audit

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"time"
)

//go:embed style.css
var style markup

const (
	maxPageIncidents = 500
	maxPageWeeks     = 104
)

// WriteHTML writes the report as one page that needs nothing else: no network, no script, no font.
func (r *Report) WriteHTML(w io.Writer) error {
	p := newPage(w)
	p.raw(pageStart + ` lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
` + pageTitle + `
<style>`)
	p.raw(style)
	p.raw("</style></head>\n<body>\n<h1>Audit of a runner’s Workers</h1>\n")
	for _, run := range r.Runners {
		p.el(`<p class="soft">`, "</p>\n", "%s: %s, %s, %s%s", run.Dir, count(run.Files, "file", "files"), size(run.Bytes), count(run.Jobs, "job", "jobs"), span(run))
	}
	open := markup(`<p class="verdict">`)
	switch {
	case r.Totals.Harmed > 0:
		open = `<p class="verdict bad">`
	case r.Found(), len(r.Unsure) > 0:
		open = `<p class="verdict warn">`
	}
	p.el(open, "</p>\n", "%s", r.Verdict)
	p.tiles(r.Totals)
	r.days(p)
	p.incidents(r.Incidents)
	p.weeks(r.Weeks)
	if r.Shim != nil {
		p.shim(r.Shim)
	}
	if lines := r.Skipped.lines(); len(lines) > 0 {
		p.raw("<h2>Skipped</h2>\n")
		p.list(lines)
	}
	p.raw("</body></html>\n")
	return p.w.Flush()
}

func (p *page) tiles(t Totals) {
	p.raw(`<ul class="tiles">` + "\n")
	for _, total := range t.list() {
		open := markup("<li>")
		if total.bad {
			open = `<li class="bad">`
		}
		p.raw(open)
		p.el("<b>", "</b>", "%d", total.n)
		p.text("%s", total.what)
		p.raw("</li>\n")
	}
	p.raw("</ul>\n")
}

func (p *page) list(lines []string) {
	p.raw("<ul class=\"plain\">\n")
	for _, line := range lines {
		p.el("<li>", "</li>\n", "%s", line)
	}
	p.raw("</ul>\n")
}

func (p *page) incidents(all []*Incident) {
	if len(all) == 0 {
		return
	}
	p.raw("<h2>Incidents</h2>\n")
	for i, incident := range all {
		if i == maxPageIncidents {
			p.el("<p>", "</p>\n", "%d more incidents: --json has them all.", len(all)-i)
			return
		}
		p.incident(incident)
	}
}

func (p *page) incident(i *Incident) {
	if i.Shielded {
		p.raw(`<section class="incident shielded"><div class="head">`)
	} else {
		p.raw(`<section class="incident"><div class="head">`)
	}
	p.el("<h3>", "</h3>\n", "%d · %s UTC: two Workers%s", i.Number, i.From.Format(time.DateTime), strings.TrimSuffix(i.length(), ","))
	p.el("<p><b>Job A</b> ", "</p>\n", "%s", i.A.describe())
	p.el("<p><b>Job B</b> ", "</p>\n", "%s", i.B.describe())
	p.lives(i)
	p.raw("</div>\n")
	p.raw(`<table><thead><tr><th class="n">#</th><th>UTC</th><th>Event</th><th class="e">Evidence</th></tr></thead><tbody>` + "\n")
	for n, row := range i.Timeline {
		switch row.Kind {
		case "cleanup":
			p.raw(`<tr class="cleanup">`)
		case "failure":
			p.raw(`<tr class="failure">`)
		default:
			p.raw("<tr>")
		}
		p.el(`<td class="n">`, "</td>", "%d", n+1)
		p.el(`<td class="t">`, "</td>", "%s", i.clock(row.Time))
		p.el("<td>", "</td>", "%s", row.Text)
		p.el(`<td class="e">`, "</td></tr>\n", "%s", row.Evidence)
	}
	p.raw("</tbody></table>\n")
	if len(i.Failed) > 0 {
		p.raw("<p>Because of it:</p>\n")
		p.list(i.Failed)
	}
	p.el(`<p class="with">`, "</p></section>\n", "%s", i.WithShim)
}

func (p *page) weeks(weeks []Week) {
	if len(weeks) == 0 {
		return
	}
	p.raw("<h2>By week</h2>\n")
	if len(weeks) > maxPageWeeks {
		p.el(`<p class="soft">`, "</p>\n", "The last %d of %d weeks with jobs.", maxPageWeeks, len(weeks))
		weeks = weeks[len(weeks)-maxPageWeeks:]
	}
	p.raw(`<table class="narrow"><thead><tr><th>Week</th><th class="n">Jobs</th><th class="n">Overlaps</th><th class="n">Harmed</th><th class="n">Perhaps</th></tr></thead><tbody>` + "\n")
	for _, w := range weeks {
		p.el("<tr><td>", "</td>", "%s", w.Week)
		for _, n := range [...]int{w.Jobs, w.Overlaps, w.Harmed, w.PossiblyHarmed} {
			p.el(`<td class="n">`, "</td>", "%d", n)
		}
		p.raw("</tr>\n")
	}
	p.raw("</tbody></table>\n")
}

func (p *page) shim(s *Shim) {
	p.raw("<h2>What worker-wrap saw</h2>\n")
	p.list(s.lines())
	if len(s.Overlaps) == 0 {
		return
	}
	p.raw(`<table><thead><tr><th>UTC</th><th>Overlap</th><th>Worker</th><th>Its own _temp, and when that was removed</th></tr></thead><tbody>` + "\n")
	for _, o := range s.Overlaps {
		for i, w := range o.Workers {
			when, headline := "", ""
			if i == 0 {
				when, headline = o.Time.Format(time.DateTime), o.headline()
			}
			p.el(`<tr><td class="t">`, "</td>", "%s", when)
			p.el("<td>", "</td>", "%s", headline)
			p.el(`<td class="t">`, "</td>", "%s", fmt.Sprintf("PID %d", w.PID))
			p.el("<td>", "</td></tr>\n", "%s", w.describe())
		}
	}
	p.raw("</tbody></table>\n")
}
