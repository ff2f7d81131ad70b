package figures

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/status"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func write(t *testing.T, path string, runners []status.Runner, layouts []runner.Layout, now time.Time) map[string]float64 {
	t.Helper()
	if err := Write(path, runners, layouts, now); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := exec.Command(testkit.RequireTool(t, "promtool", "prometheus"), "check", "metrics")
	check.Stdin = bytes.NewReader(data)
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s\n%s", err, out, data)
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/.*"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	return parse(data).values
}

func holds(t *testing.T, got map[string]float64, want map[string]float64) {
	t.Helper()
	for k, n := range want {
		if v, ok := got[k]; !ok || v != n {
			t.Errorf("%s is %v (there: %v), want %v", k, v, ok, n)
		}
	}
}

// TestTotals: what has come since the file before is added, each event once, also if the log has lost what was counted.
func TestTotals(t *testing.T) {
	root := testkit.Dir(t) + "/odd \"name\"\\"
	diag := root + "/_diag"
	if err := os.MkdirAll(diag, 0o755); err != nil {
		t.Fatal(err)
	}
	layout := runner.Layout{Root: root, Work: root + "/_work", Temp: root + "/_work/_temp"}
	path := filepath.Join(t.TempDir(), "worker-wrap.prom")
	start := time.Date(2026, 4, 20, 12, 0, 0, 123456789, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	log := func(seconds int, e events.Event) {
		e.Time, e.PID = at(seconds), 1
		if err := events.Append(diag, e); err != nil {
			t.Fatal(err)
		}
	}
	const of = `{runner="`
	name := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(root) + `"`

	log(0, events.Event{Kind: events.Start, Outcome: events.Alone})
	log(1, events.Event{Kind: events.Start, Outcome: events.Private, Alive: []int{2}})
	log(2, events.Event{Kind: events.Wait, Outcome: events.Waited, Stages: events.Stages{{Name: "wait", Duration: 1500 * time.Millisecond}}})
	log(3, events.Event{Kind: events.Start, Outcome: events.Refused, Error: "cannot make a mount namespace: operation not permitted"})
	log(4, events.Event{Kind: events.Start, Outcome: events.Refused, Error: "other Workers of this runner are alive: process 5"})
	log(100, events.Event{Kind: events.Start, Outcome: events.Private, Alive: []int{2}}) // not yet
	got := write(t, path, nil, []runner.Layout{layout}, at(100))
	holds(t, got, map[string]float64{
		"worker_wrap_starts_total" + of + name + `,outcome="alone"}`:      1,
		"worker_wrap_starts_total" + of + name + `,outcome="private"}`:    1,
		"worker_wrap_starts_total" + of + name + `,outcome="plain"}`:      0,
		"worker_wrap_refusals_total" + of + name + `,reason="privilege"}`: 1,
		"worker_wrap_refusals_total" + of + name + `,reason="not_alone"}`: 1,
		"worker_wrap_overlaps_harmless_total" + of + name + `}`:           1,
		"worker_wrap_wait_seconds_total" + of + name + `}`:                1.5,
		"worker_wrap_unisolated_total" + of + name + `}`:                  0,
		"worker_wrap_left_processes" + of + name + `,ended_by_gc="yes"}`:  0,
		"worker_wrap_counted_timestamp_seconds" + of + name + `}`:         float64(at(90).UnixMilli()) / 1000,
		"worker_wrap_status_timestamp_seconds":                            float64(at(100).UnixMilli()) / 1000,
	})
	again := write(t, path, nil, []runner.Layout{layout}, at(100))
	if !maps.Equal(got, again) {
		t.Errorf("the second time %v, after %v", again, got)
	}
	if err := os.Remove(filepath.Join(diag, events.FileName)); err != nil { // as if it had been full twice
		t.Fatal(err)
	}
	log(100, events.Event{Kind: events.Start, Outcome: events.Private, Alive: []int{2}})
	log(101, events.Event{Kind: events.Fallback, Outcome: events.Plain})
	log(101, events.Event{Kind: events.Start, Outcome: events.Plain})
	got = write(t, path, nil, []runner.Layout{layout}, at(200))
	holds(t, got, map[string]float64{
		"worker_wrap_starts_total" + of + name + `,outcome="alone"}`:   1,
		"worker_wrap_starts_total" + of + name + `,outcome="private"}`: 2,
		"worker_wrap_starts_total" + of + name + `,outcome="plain"}`:   1,
		"worker_wrap_overlaps_harmless_total" + of + name + `}`:        2,
		"worker_wrap_unisolated_total" + of + name + `}`:               1,
		"worker_wrap_wait_seconds_total" + of + name + `}`:             1.5,
	})
}

// TestForeignFile: what somebody else has written is left alone.
func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "node.prom")
	const theirs = "# HELP up x\nup 1\n"
	if err := os.WriteFile(path, []byte(theirs), 0o644); err != nil {
		t.Fatal(err)
	}
	err := Write(path, nil, nil, time.Now())
	if data, _ := os.ReadFile(path); string(data) != theirs || err == nil || !strings.Contains(err.Error(), "give another path") {
		t.Errorf("%q, %v", data, err)
	}
}

// TestOverlap: two real Workers at once are one overlap made harmless, and two that live.
func TestOverlap(t *testing.T) {
	testkit.RequireRoot(t)
	root, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	if err := os.WriteFile(root+"/.worker-wrap.env", []byte("WORKER_WRAP_ISOLATE=alone\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	layout, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Shell(t, path)
	testkit.Await(t, "its keeper has recorded it", func() bool {
		_, err := os.Stat(filepath.Join(layout.Diag(), events.FileName))
		return err == nil
	})
	testkit.Shell(t, path)
	runners, _, err := status.Gather([]runner.Layout{layout}, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	got := write(t, filepath.Join(t.TempDir(), "worker-wrap.prom"), runners, []runner.Layout{layout}, time.Now().Add(time.Minute))
	of := `{runner="` + root + `"`
	holds(t, got, map[string]float64{
		"worker_wrap_protected" + of + "}":                      1,
		"worker_wrap_starts_total" + of + `,outcome="alone"}`:   1,
		"worker_wrap_starts_total" + of + `,outcome="private"}`: 1,
		"worker_wrap_overlaps_harmless_total" + of + "}":        1,
		"worker_wrap_workers" + of + `,mode="alone"}`:           1,
		"worker_wrap_workers" + of + `,mode="private"}`:         1,
		"worker_wrap_workers" + of + `,mode="unwrapped"}`:       0,
		"worker_wrap_left_folders" + of + "}":                   0,
	})
}
