package figures

import (
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// late is how long after the time that it tells an event may come into the log, by which later ones have come already.
const late = 10 * time.Second

// count adds the events of one runner's log to the totals: those after since, and not after until.
func count(t *table, runner, diag string, since, until time.Time) {
	for _, outcome := range []string{events.Alone, events.Private, events.Plain} {
		t.add(starts, 0, "runner", runner, "outcome", outcome)
	}
	for _, m := range []*metric{harmless, unisolated, waited, ended} {
		t.add(m, 0, "runner", runner)
	}
	for _, r := range reasons { // increase() does not see the first one of a series that begins with it
		t.add(refusals, 0, "runner", runner, "reason", r.reason)
	}
	t.add(refusals, 0, "runner", runner, "reason", otherReason)
	for _, path := range events.Files(diag) {
		f, err := untrusted.Open(path)
		if err != nil {
			continue
		}
		for e, err := range events.Read(f) {
			if err == nil && e.Time.After(since) && !e.Time.After(until) {
				one(t, runner, &e)
			}
		}
		f.Close()
	}
}

func one(t *table, runner string, e *events.Event) {
	t.add(waited, e.Waited().Seconds(), "runner", runner)
	switch e.Kind {
	case events.Start:
		if e.Outcome == events.Refused {
			t.add(refusals, 1, "runner", runner, "reason", Reason(e.Error))
			return
		}
		t.add(starts, 1, "runner", runner, "outcome", outcome(e.Outcome))
		if e.Harmless() {
			t.add(harmless, 1, "runner", runner)
		}
	case events.Fallback:
		t.add(unisolated, 1, "runner", runner)
	case events.Left:
		t.add(ended, float64(e.Files), "runner", runner)
	}
}

// outcome keeps what a log says from making ever new series.
func outcome(s string) string {
	switch s {
	case events.Alone, events.Private, events.Plain:
		return s
	}
	return "other"
}

// reasons are what refusals are about, by words of their messages; the first that fits counts.
var reasons = [...]struct{ words, reason string }{
	{"is not there", "missing"},
	{"is alive", "not_alone"},
	{"are alive", "not_alone"},
	{"is in it", "not_alone"},
	{"operation not permitted", "privilege"},
	{"permission denied", "privilege"},
	{"no_new_privs", "privilege"},
	{"belongs to uid", "ownership"},
	{"no space left", "limit"},
	{"too many", "limit"},
	{"cannot allocate memory", "limit"},
	{"panic", "mistake"},
}

const otherReason = "other"

// Reason says in a word what a refusal was about.
func Reason(message string) string {
	for _, r := range reasons {
		if strings.Contains(message, r.words) {
			return r.reason
		}
	}
	return otherReason
}
