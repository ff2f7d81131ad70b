package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Teller says what a watch does: each thing as it is done, or with Sums all in a line at the end.
type Teller struct {
	Begun time.Time
	Sums  bool // as for the journal, of a run that ends by itself
	Write func(journald.Priority, string)
	done  []string
}

// Say takes a line on a deed.
func (t *Teller) Say(line string) {
	if t.Sums {
		t.done = append(t.done, line)
		return
	}
	t.Write(journald.Info, line)
}

// Warn takes a line on what could not be done.
func (t *Teller) Warn(line string) { t.Write(journald.Warning, line) }

// Sum tells of the whole run, and failed is how that ended.
func (t *Teller) Sum(layouts []runner.Layout, failed error) {
	if !t.Sums {
		return
	}
	var roots, done []string
	for _, l := range layouts {
		roots = append(roots, l.Root)
	}
	for _, line := range t.done {
		if !strings.HasPrefix(line, "watching ") {
			done = append(done, line)
		}
	}
	if len(done) == 0 && failed != nil {
		done = []string{"nothing could be done"}
	} else if len(done) == 0 {
		done = []string{"nothing had to be done"}
	}
	t.Write(journald.Info, fmt.Sprintf("watched %s for %s: %s", strings.Join(roots, ", "), time.Since(t.Begun).Round(time.Second), strings.Join(done, "; ")))
}
