package survey

import (
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/events"
)

// LastStart returns the last start or fallback that is on record in a runner's _diag folder, nil if
// there is none.
func LastStart(diag string) *events.Event {
	for _, name := range []string{events.FileName, events.RotatedName} {
		if last := lastIn(filepath.Join(diag, name)); last != nil {
			return last
		}
	}
	return nil
}

func lastIn(path string) *events.Event {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	var last *events.Event
	for e, err := range events.Read(f) {
		if err == nil && (e.Kind == events.Start || e.Kind == events.Fallback) {
			last = &e
		}
	}
	return last
}
