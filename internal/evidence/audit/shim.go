package audit

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/input"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/logs"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// Shim counts what the events files tell of what worker-wrap did. The events themselves say more of each.
type Shim struct {
	Events    int            `json:"events"`
	Starts    int            `json:"starts"`
	Outcomes  map[string]int `json:"outcomes"` // of the starts; at most 32 names
	Waits     int            `json:"waits"`
	Fallbacks int            `json:"fallbacks"`
	Sweeps    int            `json:"sweeps"`
	ProxyEnds int            `json:"proxyEnds"`
}

// maxStarts bounds the starts that are remembered to find the Workers that they wrapped.
const maxStarts = 100_000

// privateStart is the start of a Worker that got a _temp of its own.
type privateStart struct {
	pid  int
	when time.Time
}

// readEvents reads a runner's events files, marks the lives that were wrapped, and counts.
func (r *Report) readEvents(g *input.Group, lives []*logs.Life) {
	var starts []privateStart
	for _, f := range g.Sources {
		if f.Kind != input.EventsFile {
			continue
		}
		if r.Shim == nil {
			r.Shim = &Shim{Outcomes: map[string]int{}}
		}
		if err := r.readEventsFile(f, &starts); err != nil {
			r.Skipped.File(f.Path, err)
		}
	}
	slices.SortStableFunc(starts, func(a, b privateStart) int { return a.when.Compare(b.when) })
	markWrapped(lives, starts)
}

func (r *Report) readEventsFile(f *input.Source, starts *[]privateStart) error {
	in, err := input.Open(f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	counted := &countingReader{r: in}
	defer func() { f.Bytes = counted.n }()
	for e, err := range events.Read(counted) {
		var bad *events.BadLine
		switch {
		case errors.As(err, &bad):
			r.Skipped.BadEvents++
		case err != nil:
			return err
		default:
			r.Shim.count(e)
			if e.Kind == events.Start && e.Outcome == events.Private && len(*starts) < maxStarts {
				*starts = append(*starts, privateStart{e.Job.PID, e.Time})
			}
		}
	}
	return nil
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func (s *Shim) count(e events.Event) {
	s.Events++
	switch e.Kind {
	case events.Start:
		s.Starts++
		outcome := input.Text([]byte(cmp.Or(e.Outcome, "unknown")), 40)
		if _, ok := s.Outcomes[outcome]; ok || len(s.Outcomes) < 32 {
			s.Outcomes[outcome]++
		}
	case events.Wait:
		s.Waits++
	case events.Fallback:
		s.Fallbacks++
	case events.Sweep:
		s.Sweeps++
	case events.ProxyEnd:
		s.ProxyEnds++
	}
}

// markWrapped finds the life of each private start: the Worker of that PID or, if the logs name no PID, the one whose log
// was opened just after. Both lists are in the order of time.
func markWrapped(lives []*logs.Life, starts []privateStart) {
	lo := 0
	for _, st := range starts {
		t := input.Stamp(st.when.Unix())
		for lo < len(lives) && lives[lo].Start.When < t-2 {
			lo++
		}
		for i := lo; i < min(len(lives), lo+logs.MaxTries) && lives[i].Start.When <= t+logs.StartDelay; i++ {
			l := lives[i]
			if !l.Wrapped && (l.PID == st.pid || l.PID == 0) {
				l.Wrapped, l.PID = true, st.pid
				break
			}
		}
	}
}

// Line has the counts in words.
func (s *Shim) Line() string {
	var outcomes []string
	for _, name := range slices.Sorted(maps.Keys(s.Outcomes)) {
		outcomes = append(outcomes, fmt.Sprintf("%d %s", s.Outcomes[name], name))
	}
	return fmt.Sprintf("%s (%s), %s, %s, %s, %s", Count(s.Starts, "start", "starts"), strings.Join(outcomes, ", "),
		Count(s.Waits, "wait", "waits"), Count(s.Fallbacks, "fallback", "fallbacks"),
		Count(s.Sweeps, "sweep", "sweeps"), Count(s.ProxyEnds, "proxy end", "proxy ends"))
}
