package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// TestNoNumberOfWhatNoStartLookedFor: with the default settings a start notes no other Workers.
func TestNoNumberOfWhatNoStartLookedFor(t *testing.T) {
	dir := t.TempDir()
	start := events.Event{Time: time.Date(2026, 4, 20, 11, 0, 0, 0, time.UTC), Kind: events.Start, PID: 100, Job: events.Process{PID: 100, Start: 5}, Outcome: events.Private}
	record := func() string {
		if err := events.Append(dir, start); err != nil {
			t.Fatal(err)
		}
		return strings.Join(run(t, dir).Shim.lines(), "\n")
	}
	if got := record(); !strings.Contains(got, "1 start (1 private)") || strings.Contains(got, "living") {
		t.Errorf("%s", got)
	}
	start.PID, start.Job, start.Alive = 200, events.Process{PID: 200, Start: 9}, []int{100}
	if got := record(); !strings.Contains(got, "1 start that looked met living Workers") {
		t.Errorf("%s", got)
	}
}
