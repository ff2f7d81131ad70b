package figures

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/status"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

// largest bounds what is read of a file that is there, in bytes: some thousand runners.
const largest = 8 << 20

// Write writes the file at path, for the runners that status tells of and their layouts. A file that is there, and that
// Write has not written, is left alone.
func Write(path string, runners []status.Runner, layouts []runner.Layout, now time.Time) error {
	before, err := read(path)
	if err != nil {
		return err
	}
	t := newTable()
	left, err := left.Of(layouts...)
	if err != nil {
		return err
	}
	for _, l := range layouts {
		sum(t, before, l, now)
	}
	for i := range runners {
		moment(t, &runners[i])
	}
	for _, p := range left.Processes {
		ends := "yes"
		if p.Why != "" {
			ends = "no"
		}
		t.add(processes, 1, "runner", p.Runner, "ended_by_gc", ends)
	}
	t.add(when, seconds(now))
	return disk.Replace(path, t.text()) // node_exporter does not read its name in between: that does not end in .prom
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// sum adds what one runner's event log has told since the file before to the totals there.
func sum(t, before *table, l runner.Layout, now time.Time) {
	since := time.UnixMilli(int64(math.Round(t.carry(before, l.Root) * 1000)))
	until := now.Add(-late).Truncate(time.Millisecond)
	if until.Before(since) { // the clock was set back
		until = since
	}
	count(t, l.Root, l.Diag(), since, until)
	t.add(counted, seconds(until), "runner", l.Root)
	leftovers := survey.LeftoversAt(l)
	t.add(folders, float64(leftovers.Dead+leftovers.Undeletable), "runner", l.Root)
	t.add(size, float64(leftovers.Bytes), "runner", l.Root)
	for _, ends := range []string{"yes", "no"} {
		t.add(processes, 0, "runner", l.Root, "ended_by_gc", ends)
	}
}

// moment adds what is so now.
func moment(t *table, r *status.Runner) {
	if !r.Unknown {
		value := 0.0
		if r.Protected {
			value = 1
		}
		t.add(protected, value, "runner", r.Root)
	}
	for _, mode := range []workers.Mode{workers.Alone, workers.Private, workers.Plain, workers.Unwrapped} {
		t.add(alive, 0, "runner", r.Root, "mode", string(mode))
	}
	for i := range r.Workers {
		t.add(alive, 1, "runner", r.Root, "mode", string(r.Workers[i].Mode))
	}
}

// read returns what the file before told.
func read(path string) (*table, error) {
	data, err := untrusted.Head(path, largest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newTable(), nil
	case err != nil:
		return nil, err
	case len(data) > 0 && !bytes.HasPrefix(data, []byte(firstLine)):
		return nil, fmt.Errorf("%s is there, and was not written by worker-wrap status --prometheus; give another path, or move it away", path)
	}
	return parse(data), nil
}
