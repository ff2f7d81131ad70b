package audit

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// maxShimOverlaps bounds the overlaps that are listed, and maxStarts the starts that are remembered to
// find what became of them.
const (
	maxShimOverlaps = 1000
	maxStarts       = 100_000
)

// shimReader reads the events of one runner.
type shimReader struct {
	shim   *Shim
	starts []*start // in the order of the file
	byPID  map[int]*start
	costs  []int64
	met    []*startMet
}

// start is a start event, as far as it is kept.
type start struct {
	pid     int
	ticks   uint64
	when    time.Time
	dir     string
	private bool
	swept   *events.Event
}

type startMet struct {
	self    *start
	others  []*start
	total   int
	outcome string
}

// readEvents reads a runner's events files, older first, marks the lives that were wrapped, and adds
// to the report.
func (r *Report) readEvents(g *group, lives []*Life) {
	s := &shimReader{byPID: map[int]*start{}}
	files := slices.DeleteFunc(slices.Clone(g.sources), func(s *source) bool { return s.kind != eventsFile })
	if len(files) == 0 {
		return
	}
	if r.Shim == nil {
		r.Shim = &Shim{Outcomes: map[string]int{}, Overlaps: []*ShimOverlap{}}
	}
	s.shim = r.Shim
	// worker-wrap.jsonl.1 is older than worker-wrap.jsonl.
	slices.SortStableFunc(files, func(a, b *source) int { return cmp.Compare(len(b.name), len(a.name)) })
	for _, f := range files {
		if err := s.readFile(f, &r.Skipped); err != nil {
			r.Skipped.file(f.path, err)
		}
	}
	s.finish(g)
	s.mark(lives)
}

func (s *shimReader) readFile(f *source, skipped *Skipped) error {
	in, closer, err := openLog(f.path)
	if err != nil {
		return err
	}
	defer closer.Close()
	counted := &countingReader{r: in}
	defer func() { f.bytes = counted.n }()
	for e, err := range events.Read(counted) {
		var bad *events.BadLine
		switch {
		case errors.As(err, &bad):
			skipped.BadEvents++
		case err != nil:
			return err
		default:
			s.event(e)
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

func (s *shimReader) event(e events.Event) {
	s.shim.Events++
	switch e.Kind {
	case events.Start:
		s.start(e)
	case events.Wait:
		s.shim.Waits++
	case events.Fallback:
		s.shim.Fallbacks++
	case events.Sweep:
		s.shim.Sweeps++
		s.shim.SweptFiles += max(0, e.Files)
		s.shim.SweptBytes += max(0, e.Bytes)
		s.sweep(e)
	case events.ProxyEnd:
		s.shim.ProxyEnds++
	}
}

// sweep finds the start whose directory was removed. By then the directory may have another name, so its
// owner counts: a PID and a start time.
func (s *shimReader) sweep(e events.Event) {
	st := s.byPID[e.Job.PID]
	if st == nil || st.ticks != e.Job.Start && st.dir != e.Dir || e.Outcome == events.Failed {
		return
	}
	if st.swept == nil || st.swept.Outcome == events.Partly {
		st.swept = &e
	}
}

func (s *shimReader) start(e events.Event) {
	s.shim.Starts++
	outcome := text([]byte(cmp.Or(e.Outcome, "unknown")), 40)
	if _, ok := s.shim.Outcomes[outcome]; ok || len(s.shim.Outcomes) < 32 {
		s.shim.Outcomes[outcome]++
	}
	if len(s.starts) >= maxStarts {
		return
	}
	st := &start{pid: e.Job.PID, ticks: e.Job.Start, when: e.Time.UTC(), dir: text([]byte(e.Dir), maxText), private: outcome == events.Private}
	var cost time.Duration
	for _, stage := range e.Stages {
		cost += stage.Duration
	}
	if cost > 0 {
		s.costs = append(s.costs, cost.Microseconds())
	}
	s.starts = append(s.starts, st)
	if total := max(e.AliveTotal, len(e.Alive)); total > 0 {
		m := &startMet{self: st, total: total + 1, outcome: outcome}
		for _, pid := range e.Alive[:min(len(e.Alive), 32)] {
			other := s.byPID[pid]
			if other == nil {
				other = &start{pid: pid} // started before these events, or unwrapped
			}
			m.others = append(m.others, other)
		}
		if len(s.met) < maxShimOverlaps {
			s.met = append(s.met, m)
		} else {
			s.shim.MoreOverlaps++
		}
	}
	s.byPID[st.pid] = st
}

func (s *shimReader) finish(g *group) {
	if len(s.costs) > 0 {
		slices.Sort(s.costs)
		s.shim.MedianStart = s.costs[len(s.costs)/2]
		s.shim.SlowestStart = max(s.shim.SlowestStart, s.costs[len(s.costs)-1])
	}
	for _, m := range s.met {
		o := &ShimOverlap{Runner: text([]byte(g.dir), maxText), Time: m.self.when, Total: m.total, Outcome: m.outcome}
		for _, st := range append([]*start{m.self}, m.others...) {
			w := ShimWorker{PID: st.pid, Dir: st.dir, Private: st.private}
			if st.swept != nil {
				t := st.swept.Time.UTC()
				w.Swept, w.SweptBy, w.Files, w.Bytes = &t, st.swept.PID, st.swept.Files, st.swept.Bytes
				w.Partly = st.swept.Outcome == events.Partly
			}
			o.Workers = append(o.Workers, w)
		}
		s.shim.Overlaps = append(s.shim.Overlaps, o)
	}
}

// mark finds the life of each private start: the Worker of that PID, or where the logs name no PID the
// one whose log was opened just after. Both lists are in the order of time.
func (s *shimReader) mark(lives []*Life) {
	slices.SortStableFunc(s.starts, func(a, b *start) int { return a.when.Compare(b.when) })
	lo := 0
	for _, st := range s.starts {
		if !st.private {
			continue
		}
		t := stamp(st.when.Unix())
		for lo < len(lives) && lives[lo].start.when < t-2 {
			lo++
		}
		for i := lo; i < min(len(lives), lo+maxTries) && lives[i].start.when <= t+startDelay; i++ {
			l := lives[i]
			if !l.wrapped && (l.pid == st.pid || l.pid == 0) {
				l.wrapped, l.dir, l.pid = true, st.dir, st.pid
				break
			}
		}
	}
}
