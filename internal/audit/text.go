package audit

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	maxTextIncidents = 20 // printed in full
	maxTextWeeks     = 26
)

// WriteJSON writes the report as indented JSON.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// WriteText writes the report for a terminal. No text from a log reaches w with a control character.
func (r *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	p := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	for _, run := range r.Runners {
		p("%s: %s, %s, %s%s\n", run.Dir, count(run.Files, "file", "files"), size(run.Bytes), count(run.Jobs, "job", "jobs"), span(run))
	}
	p("%s\n", r.Verdict)
	for i, incident := range r.Incidents {
		if i == maxTextIncidents {
			p("\n%d more incidents: --json or --html FILE has them all.\n", len(r.Incidents)-i)
			break
		}
		incident.write(p)
	}
	r.writeTotals(p)
	if r.Shim != nil {
		r.Shim.write(p)
	}
	for _, line := range r.Skipped.lines() {
		p("skipped: %s\n", line)
	}
	return b.Flush()
}

func span(run Runner) string {
	if run.From == nil {
		return ""
	}
	return ", " + run.From.Format(time.DateTime) + " to " + run.To.Format(time.DateTime) + " UTC"
}

type printer func(format string, args ...any)

func (i *Incident) write(p printer) {
	p("\nIncident %d: two Workers for %d s from %s UTC\n", i.Number, i.Seconds, i.From.Format(time.DateTime))
	p("  Job A  %s\n", i.A.describe())
	p("  Job B  %s\n\n", i.B.describe())
	for _, row := range i.Timeline {
		p("  %s  %s\n", i.clock(row.Time), row.Text)
	}
	if len(i.Failed) > 0 {
		p("\n  Because of it:\n")
		for _, f := range i.Failed {
			p("  - %s\n", f)
		}
	}
	p("\n  %s\n", i.WithShim)
}

// clock is a row's time; its date too where that is not the incident's.
func (i *Incident) clock(t time.Time) string {
	if t.Format(time.DateOnly) != i.From.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}

func (j Job) describe() string {
	parts := []string{cmp.Or(j.ID, "id unknown")}
	if j.Name != "" {
		parts = append(parts, j.Name)
	}
	if j.PID != 0 {
		parts = append(parts, fmt.Sprintf("PID %d", j.PID))
	}
	if j.Result != "" {
		parts = append(parts, j.Result)
	}
	if j.Cancelled {
		parts = append(parts, "cancelled by the runner")
	}
	if j.Wrapped {
		parts = append(parts, "wrapped")
	}
	switch j.Harm {
	case Certain:
		parts = append(parts, "HARMED")
	case Possible:
		parts = append(parts, "perhaps harmed")
	}
	return strings.Join(parts, ", ")
}

func (r *Report) writeTotals(p printer) {
	p("\nTotals\n")
	for _, t := range r.Totals.list() {
		p("  %6d  %s\n", t.n, t.what)
	}
	weeks := r.Weeks
	if len(weeks) == 0 {
		return
	}
	if len(weeks) > maxTextWeeks {
		weeks = weeks[len(weeks)-maxTextWeeks:]
		p("\nThe last %d of %d weeks with jobs", maxTextWeeks, len(r.Weeks))
	}
	p("\n  week        jobs  overlaps  harmed  perhaps\n")
	for _, w := range weeks {
		p("  %-9s %6d %9d %7d %8d\n", w.Week, w.Jobs, w.Overlaps, w.Harmed, w.PossiblyHarmed)
	}
}

type total struct {
	n    int
	what string
	bad  bool
}

// list has the totals in words; what is zero and needs no saying is left out.
func (t Totals) list() []total {
	all := []total{
		{t.Jobs, "jobs (Workers seen)", false},
		{t.Overlaps, "overlaps of two Workers", false},
		{t.Shielded, "overlaps with worker-wrap in between", false},
		{t.Cleanups, "cleanups of the shared _temp inside another Worker's life", false},
		{t.Harmed, "jobs that lost files to it", true},
		{t.PossiblyHarmed, "jobs that failed after it, with no line that says why", false},
		{t.Cancelled, "jobs cancelled right away for the next one", false},
		{t.Unexplained, "jobs that missed files in _temp with no overlap in these logs", false},
	}
	return append(all[:2:2], slices.DeleteFunc(all[2:], func(x total) bool { return x.n == 0 })...)
}

func (s *Shim) write(p printer) {
	p("\nworker-wrap's own record\n")
	for _, line := range s.lines() {
		p("  %s\n", line)
	}
	for i, o := range s.Overlaps {
		if i == maxTextIncidents {
			p("  %d more overlaps: --json or --html FILE has them.\n", len(s.Overlaps)-i)
			break
		}
		p("  %s  %s\n", o.Time.Format(time.DateTime), o.headline())
		for _, w := range o.Workers {
			p("    PID %-8d %s\n", w.PID, w.describe())
		}
	}
}

func (s *Shim) lines() []string {
	var outcomes []string
	for _, name := range slices.Sorted(maps.Keys(s.Outcomes)) {
		outcomes = append(outcomes, fmt.Sprintf("%d %s", s.Outcomes[name], name))
	}
	lines := []string{fmt.Sprintf("%s (%s), %s, %s, %s, %s", count(s.Starts, "start", "starts"), strings.Join(outcomes, ", "),
		count(s.Waits, "wait", "waits"), count(s.Fallbacks, "fallback", "fallbacks"),
		count(s.Sweeps, "sweep", "sweeps"), count(s.ProxyEnds, "proxy end", "proxy ends"))}
	if s.MedianStart > 0 {
		lines = append(lines, fmt.Sprintf("a start took %d µs in the median, %d µs at most", s.MedianStart, s.SlowestStart))
	}
	if s.SweptFiles > 0 || s.SweptBytes > 0 {
		lines = append(lines, fmt.Sprintf("sweeps removed %d files, %s", s.SweptFiles, size(s.SweptBytes)))
	}
	return append(lines, fmt.Sprintf("%s met living Workers", count(len(s.Overlaps)+s.MoreOverlaps, "start", "starts")))
}

func (o *ShimOverlap) headline() string {
	apart := 0
	for _, w := range o.Workers {
		if w.Private {
			apart++
		}
	}
	return fmt.Sprintf("%s alive at once, %d with a _temp of their own", count(o.Total, "Worker", "Workers"), apart)
}

func (w ShimWorker) describe() string {
	s := cmp.Or(w.Dir, "no private _temp on record")
	switch {
	case w.Swept != nil && (w.Files > 0 || w.Bytes > 0):
		s += fmt.Sprintf(", removed %s by PID %d: %d files, %s", w.Swept.Format(time.DateTime), w.SweptBy, w.Files, size(w.Bytes))
	case w.Swept != nil:
		s += fmt.Sprintf(", removed %s by PID %d", w.Swept.Format(time.DateTime), w.SweptBy)
	}
	return s
}

// lines says what was skipped, in words.
func (s *Skipped) lines() []string {
	var lines []string
	for _, f := range s.Files {
		lines = append(lines, f.Path+": "+f.Why)
	}
	add := func(n int64, what string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(int64(s.MoreFiles), "more files")
	add(s.LongLines, "lines beyond their first 16 KiB")
	add(s.NotText, "lines with bytes that are no text")
	add(s.Torn, "records that break off inside a line")
	add(s.BadHeaders, "lines that begin as a record and are none")
	add(s.Headless, "lines before a file's first record")
	add(s.Backwards, "records older than the one before them")
	add(s.BadEvents, "lines of an events file that are no event")
	add(int64(s.Shared), "Workers whose log is mixed into another's file")
	add(s.Lives, "Workers beyond the first 500,000")
	return lines
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return count(int(n), "byte", "bytes")
	}
	f, i := float64(n)/1000, 0
	for f >= 999.95 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
