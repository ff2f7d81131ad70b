package record

import (
	"io"
	"path/filepath"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Start is a start on record.
type Start struct {
	events.Event
	// Unisolated is true if isolation had failed, and the job ran without; Error says why it failed.
	Unisolated bool
	Waited     time.Duration // for earlier Workers to end, or to leave the plain _temp
	InVain     bool          // some of them did not
}

// After says how long the start waited, "" if it did not.
func (s *Start) After() string {
	switch {
	case s.Waited == 0:
		return ""
	case s.InVain:
		return ", after a wait of " + s.Waited.Round(time.Millisecond).String() + " in vain"
	}
	return ", after a wait of " + s.Waited.Round(time.Millisecond).String()
}

// Starts is what a runner's event log tells.
type Starts struct {
	Last *Start // nil if none is on record
	// Harmless counts the starts that got a _temp of their own while another Worker of the runner lived.
	Harmless int
	Since    time.Time // the oldest event that is told of, the zero value if there is none

	tally   events.Tally
	of      map[process]*Start
	pending map[process]*Start // what comes before the start that it belongs to
}

// process names one for as long as the machine is up.
type process struct {
	pid   int
	start uint64
}

// Of returns the start by which a process, of which start is field 22 of its stat file, has become what it is.
func (s *Starts) Of(pid int, start uint64) (*Start, bool) {
	found, ok := s.of[process{pid, start}]
	return found, ok
}

// recent is how much of the log, in bytes from its end, has the last start for sure: some hundred events.
const recent = 256 << 10

// Last returns the last start on record in a runner's _diag folder, nil if there is none.
func Last(diag string) *Start {
	for _, name := range []string{events.FileName, events.RotatedName} {
		var s Starts
		s.read(filepath.Join(diag, name), recent)
		if s.Last != nil {
			return s.Last
		}
	}
	return nil
}

// All reads all that is on record in a runner's _diag folder.
func All(diag string) *Starts {
	var s Starts
	for _, path := range events.Files(diag) {
		s.read(path, 2*events.MaxFile)
	}
	s.Harmless, s.Since = s.tally.Harmless, s.tally.Since.Time
	return &s
}

func (s *Starts) read(path string, most int64) {
	f, err := untrusted.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-most), io.SeekStart)
	}
	if s.of == nil {
		s.of, s.pending = map[process]*Start{}, map[process]*Start{}
	}
	older := !s.tally.Since.Time.IsZero()
	for e, err := range events.Read(f) {
		if err == nil {
			s.tally.Add(e, older)
			s.add(e)
		}
	}
}

func (s *Starts) add(e events.Event) {
	key := process{e.PID, e.Job.Start}
	start := s.pending[key]
	switch e.Kind {
	case events.Wait, events.Fallback:
		if start == nil {
			start = &Start{}
			s.pending[key] = start
		}
		if e.Kind == events.Fallback {
			start.Unisolated, start.Error = true, e.Error
			return
		}
		start.Waited = e.Waited()
		start.InVain = e.Outcome != events.Waited
	case events.Start:
		if start == nil {
			start = &Start{}
		}
		delete(s.pending, key)
		why := start.Error
		start.Event = e
		if start.Unisolated = start.Unisolated && e.Outcome == events.Plain; start.Unisolated {
			start.Error = why // the start says nothing of it, or the same
		}
		s.Last, s.of[key] = start, start
	}
}
