package audit

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
)

// TestPages has one Worker's log in two files, as HostTraceListener makes them every 8 MiB.
func TestPages(t *testing.T) {
	whole := workerLines(jobA, 0, 600)
	cut := strings.LastIndex(whole, "[2026-04-20 11:10:00Z INFO TempD")
	filler := strings.Repeat(records("11:09:59 JobServerQueue: "+strings.Repeat("x", 1000)), 1100)
	r := run(t, folder(t, map[string]string{
		name("Worker", 0):   whole[:strings.Index(whole, "[2026-04-20 11:10:00Z")] + filler,
		name("Worker", 600): whole[cut:],
		name("Worker", 602): workerLines(jobB, 602, 620),
	}))
	if want := (Totals{Jobs: 2}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
	if a := r.lives[0]; len(a.Cleanups) != 1 || !a.Completed.Known() || a.End.When-a.Start.When != 600 {
		t.Errorf("%+v", a)
	}
}

// TestSharedFile has two Workers that started in one second, and so in one file.
func TestSharedFile(t *testing.T) {
	a, b := strings.SplitAfter(workerLines(jobA, 0, 20), "\n"), strings.SplitAfter(workerLines(jobB, 0, 60), "\n")
	var mixed strings.Builder
	for i := range max(len(a), len(b)) {
		for _, lines := range [][]string{a, b} {
			if i < len(lines) {
				mixed.WriteString(lines[i])
			}
		}
	}
	r := run(t, folder(t, map[string]string{name("Worker", 0): mixed.String()}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1}); r.Totals != want || r.Skipped.Shared != 1 {
		t.Fatalf("%+v, want %+v, skipped %+v", r.Totals, want, r.Skipped)
	}
	if i := r.Incidents[0]; i.A.ID != jobA || i.B.ID != jobB || i.Seconds != 20 || i.overlap.deadly[1].by.Job != jobA || i.overlap.deadly[1].atStart {
		t.Errorf("%+v", i)
	}
}

func TestCopiedLog(t *testing.T) {
	log := workerLines(jobA, 0, 60)
	r := run(t, folder(t, map[string]string{
		name("Worker", 0): log, "Worker_20260420-110000-utc.log.gz": zipped(log), "Worker_20260420-110000-utc (1).log": log,
	}))
	if want := (Totals{Jobs: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
}

func TestTwoRunnersInOneFolder(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Worker", 0):  workerLines(jobA, 0, 60),
		name("Worker", 30): strings.ReplaceAll(workerLines(jobB, 30, 90), temp, "/home/r2/_work/_temp"),
	}))
	if want := (Totals{Jobs: 2}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
}

// TestWithShim has the same overlap with the shim in between, and its events.
func TestWithShim(t *testing.T) {
	dir := folder(t, map[string]string{
		name("Worker", 0):  workerLines(jobA, 0, 60),
		name("Worker", 30): workerLines(jobB, 30, 90),
	})
	at := func(s int) time.Time { return time.Date(2026, 4, 20, 11, s/60, s%60, 5e8, time.UTC) }
	dirA, dirB := "/home/r/_work/.worker-wrap/100-5", "/home/r/_work/.worker-wrap/200-9"
	for _, e := range []events.Event{
		{Time: at(-1), Kind: events.Start, PID: 100, Job: events.Process{PID: 100, Start: 5}, Dir: dirA, Outcome: events.Private, Stages: events.Stages{{Name: "all", Duration: 900 * time.Microsecond}}},
		{Time: at(29), Kind: events.Start, PID: 200, Job: events.Process{PID: 200, Start: 9}, Dir: dirB, Outcome: events.Private, Alive: []int{100}, Stages: events.Stages{{Name: "a", Duration: 700 * time.Microsecond}, {Name: "b", Duration: 400 * time.Microsecond}}},
		{Time: at(190), Kind: events.Sweep, PID: 299, Job: events.Process{PID: 100, Start: 5}, Dir: dirA, Outcome: events.Failed},
		{Time: at(195), Kind: events.Sweep, PID: 298, Job: events.Process{PID: 100, Start: 4}, Dir: "/another", Outcome: events.Removed},
		{Time: at(196), Kind: events.Sweep, PID: 297, Job: events.Process{PID: 100, Start: 5}, Dir: dirA, Outcome: events.Partly},
		{Time: at(200), Kind: events.Sweep, PID: 300, Job: events.Process{PID: 100, Start: 5}, Dir: dirA + ".dead", Files: 12, Bytes: 3456, Outcome: events.Removed},
		{Time: at(201), Kind: events.Start, PID: 300, Job: events.Process{PID: 300}, Outcome: events.Plain},
		{Time: at(201), Kind: events.Fallback, PID: 300, Job: events.Process{PID: 300}, Error: "no capability"},
	} {
		if err := events.Append(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, dir)
	if want := (Totals{Jobs: 2, Overlaps: 1, Shielded: 1}); r.Totals != want || r.Found() {
		t.Fatalf("%+v, want %+v", r.Totals, want)
	}
	i := r.Incidents[0]
	if !i.Shielded || !i.A.Wrapped || !i.B.Wrapped || i.A.PID != 100 || i.B.PID != 200 || !strings.Contains(i.WithShim, "was there") {
		t.Errorf("%+v", i)
	}
	if got := r.Shim.Line(); got != "3 starts (1 plain, 2 private), 0 waits, 1 fallback, 4 sweeps, 0 proxy ends" {
		t.Errorf("%s", got)
	}
	// The events alone tell of no Worker's life.
	if r := run(t, filepath.Join(dir, events.FileName)); r.Shim.Starts != 3 || r.Totals.Jobs != 0 || !strings.HasPrefix(r.Verdict, "No log of a Worker here") {
		t.Errorf("%+v", r.Shim)
	}
}
