package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Shim is what the events files tell: what worker-wrap saw and did itself.
type Shim struct {
	Events     int            `json:"events"`
	Starts     int            `json:"starts"`
	Outcomes   map[string]int `json:"outcomes"` // of the starts; at most 32 names
	Waits      int            `json:"waits"`
	Fallbacks  int            `json:"fallbacks"`
	Sweeps     int            `json:"sweeps"`
	ProxyEnds  int            `json:"proxyEnds"`
	SweptFiles int64          `json:"sweptFiles"`
	SweptBytes int64          `json:"sweptBytes"`
	// MedianStart and SlowestStart are the sum of a start's stages, in microseconds.
	MedianStart  int64          `json:"medianStartMicroseconds,omitempty"`
	SlowestStart int64          `json:"slowestStartMicroseconds,omitempty"`
	Overlaps     []*ShimOverlap `json:"overlaps"`               // starts that looked for living Workers and met some
	MoreOverlaps int            `json:"moreOverlaps,omitempty"` // beyond the first 1,000
}

// ShimOverlap is a start that met living Workers of the same runner.
type ShimOverlap struct {
	Runner string    `json:"runner"`
	Time   time.Time `json:"time"`
	// Workers are those alive then, the one that started first of all.
	Workers []ShimWorker `json:"workers"`
	Total   int          `json:"total"` // Workers alive, where more than are listed
	Outcome string       `json:"outcome"`
}

// ShimWorker is one Worker in an overlap, and what became of its directory.
type ShimWorker struct {
	PID     int        `json:"pid"`
	Dir     string     `json:"dir,omitempty"`
	Private bool       `json:"private"`           // it had a directory of its own
	Swept   *time.Time `json:"swept,omitempty"`   // when that was removed
	SweptBy int        `json:"sweptBy,omitempty"` // by the start or sweep of this PID
	Partly  bool       `json:"partly,omitempty"`  // but for what could not be removed
	Files   int64      `json:"files,omitempty"`
	Bytes   int64      `json:"bytes,omitempty"`
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
		line := "sweeps removed " + count(int(s.SweptFiles), "file", "files")
		if s.SweptBytes > 0 {
			line += ", " + size(s.SweptBytes)
		}
		lines = append(lines, line)
	}
	// A start with the default settings does not look for others, so none noted is no number.
	if n := len(s.Overlaps) + s.MoreOverlaps; n > 0 {
		lines = append(lines, count(n, "start", "starts")+" that looked met living Workers")
	}
	return lines
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
	if w.Swept == nil {
		return s
	}
	how := "removed"
	if w.Partly {
		how = "partly removed"
	}
	s += fmt.Sprintf(", %s %s by PID %d", how, w.Swept.Format(time.DateTime), w.SweptBy)
	if w.Files > 0 {
		s += ": " + count(int(w.Files), "file", "files")
	}
	if w.Bytes > 0 {
		s += ", " + size(w.Bytes)
	}
	return s
}
