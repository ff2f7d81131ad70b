package show

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
)

const (
	maxTextIncidents = 20 // printed in full
	maxTextWeeks     = 26
)

// JSON writes the report as indented JSON.
func JSON(r *audit.Report, w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// Text writes the report for a terminal. No text from a log reaches w with a control character.
func Text(r *audit.Report, w io.Writer) error {
	b := bufio.NewWriter(w)
	p := func(format string, args ...any) { fmt.Fprintf(b, format, args...) }
	for _, run := range r.Runners {
		p("%s\n", summary(run))
	}
	p("%s\n", r.Verdict)
	for n, i := range r.Incidents {
		if n == maxTextIncidents {
			p("\n%s: --json or --html FILE has them all.\n", audit.Count(len(r.Incidents)-n, "more incident", "more incidents"))
			break
		}
		incident(i, p)
	}
	if len(r.Held) > 0 {
		p("\nHeld: since 2.336.0 the runner waits for a Worker that it cancels, without limit, and shows and renews the next job\n" +
			"only then.\n")
		for n, h := range r.Held {
			if n == maxTextIncidents {
				p("  %d more: --json has them all.\n", len(r.Held)-n)
				break
			}
			p("  %s\n", h)
		}
	}
	totals(r, p)
	if r.Shim != nil {
		p("\nworker-wrap's own record\n  %s\n", r.Shim.Line())
	}
	for _, line := range r.Skipped.Lines() {
		p("skipped: %s\n", line)
	}
	return b.Flush()
}

// summary says what was read of a runner.
func summary(run audit.Runner) string {
	s := fmt.Sprintf("%s: %s, %s, %s", run.Dir, audit.Count(run.Files, "file", "files"), size(run.Bytes), audit.Count(run.Jobs, "job", "jobs"))
	if run.From != nil {
		s += ", " + run.From.Format(time.DateTime) + " to " + run.To.Format(time.DateTime) + " UTC"
	}
	return s
}

type printer func(format string, args ...any)

func incident(i *audit.Incident, p printer) {
	p("\nIncident %d: two Workers%s from %s UTC\n", i.Number, length(i), i.From.Format(time.DateTime))
	p("  Job A  %s\n", job(i.A))
	p("  Job B  %s\n\n", job(i.B))
	for _, row := range i.Timeline {
		p("  %s  %s\n", clock(i, row.Time), row.Text)
	}
	if len(i.Failed) > 0 {
		p("\n  Because of it:\n")
		for _, f := range i.Failed {
			p("  - %s\n", f)
		}
	}
	p("\n  %s\n", i.WithShim)
}

// length says for how long both lived, in seconds, unless only the order of a Listener's lines tells that they did.
func length(i *audit.Incident) string {
	if i.Seconds == 0 {
		return ", the logs do not tell for how long,"
	}
	return fmt.Sprintf(" for %d s", i.Seconds)
}

// clock is a row's time; its date too if that is not the incident's.
func clock(i *audit.Incident, t time.Time) string {
	if t.Format(time.DateOnly) != i.From.Format(time.DateOnly) {
		return t.Format(time.DateTime)
	}
	return t.Format(time.TimeOnly)
}

func job(j audit.Job) string {
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
	switch {
	case j.Lost:
		parts = append(parts, "LOST WHAT ITS STEPS HAD SET")
	case j.Harm == audit.Certain:
		parts = append(parts, "HARMED")
	case j.Harm == audit.Possible:
		parts = append(parts, "perhaps harmed")
	}
	return strings.Join(parts, ", ")
}

func totals(r *audit.Report, p printer) {
	p("\nTotals\n")
	for _, t := range r.Totals.List() {
		p("  %6d  %s\n", t.N, t.What)
	}
	weeks := r.Weeks
	if len(weeks) == 0 {
		return
	}
	if len(weeks) > maxTextWeeks {
		weeks = weeks[len(weeks)-maxTextWeeks:]
		p("\nThe last %d of %d weeks with jobs", maxTextWeeks, len(r.Weeks))
	}
	p("\n  week        jobs  overlaps  harmed  of these green  perhaps\n")
	for _, w := range weeks {
		p("  %-9s %6d %9d %7d %15d %8d\n", w.Week, w.Jobs, w.Overlaps, w.Harmed, w.Lost, w.PossiblyHarmed)
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return audit.Count(int(n), "byte", "bytes")
	}
	f, i := float64(n)/1000, 0
	for f >= 999.95 && i < len(units)-1 {
		f, i = f/1000, i+1
	}
	return fmt.Sprintf("%.1f %cB", f, units[i])
}
