package survey

import (
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// LastStart returns the last start that is on record in a runner's _diag folder, nil if there is none. Its
// Kind is [events.Fallback], and Error says why, where isolation had failed and the job ran without.
func LastStart(diag string) *events.Event {
	for _, name := range []string{events.FileName, events.RotatedName} {
		if last := lastIn(filepath.Join(diag, name)); last != nil {
			return last
		}
	}
	return nil
}

func lastIn(path string) *events.Event {
	f, err := untrusted.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var last, fallback *events.Event
	for e, err := range events.Read(f) {
		switch {
		case err != nil:
		case e.Kind == events.Fallback:
			fallback = &e
		case e.Kind == events.Start:
			last = &e
			// The start that a fallback led to says nothing of it, or the same.
			if fallback != nil && fallback.PID == e.PID && e.Outcome != events.Refused {
				last.Kind, last.Error = events.Fallback, fallback.Error
			}
			fallback = nil
		}
	}
	return last
}
