package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStandIn audits the logs of a stand-in runner through which issue 4357 was replayed: as the runner
// was up to 2.335, and as it is since 2.336.0, which waits for the Worker that it cancels.
func TestStandIn(t *testing.T) {
	for version, waits := range map[string]bool{"2.335.0": false, "2.336.0": true} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			root, err := standin.MakeRoot(filepath.Join(testkit.Dir(t), "runner"), standin.RootOptions{Version: version, Program: testkit.Binary(t)})
			if err != nil {
				t.Fatal(err)
			}
			replay(t, &standin.Listener{Root: root.Dir, Scale: 0.1, Waits: waits})
			r := run(t, root.Dir)
			if joined := joinedRun(t, diag(t, root.Dir)); joined.Totals != r.Totals {
				t.Errorf("in one file: %+v, want %+v", joined.Totals, r.Totals)
			}
			if waits {
				if want := (Totals{Jobs: 2, Cancelled: 1, Held: 1}); r.Totals != want {
					t.Errorf("%+v, want %+v", r.Totals, want)
				}
				return
			}
			if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1, Cancelled: 1}); r.Totals != want {
				t.Fatalf("%+v, want %+v; incidents: %+v", r.Totals, want, r.Incidents)
			}
			i := r.Incidents[0]
			if i.A.Name != "run-tables-tests (spark)" || i.B.Name != "Job B" || i.A.PID == 0 || i.B.PID == 0 ||
				*i.A.ExitCode != 103 || *i.B.ExitCode != 102 || i.A.Temp != root.Temp || i.A.Version != version || !i.A.Cancelled {
				t.Errorf("A %+v\nB %+v", i.A, i.B)
			}
			var kinds []string
			for _, row := range i.Timeline {
				if row.Kind != "end" { // Job A's may fall into the second of its cleanup
					kinds = append(kinds, row.Kind)
				}
			}
			// Job A is renewed when it is taken on, just before its Worker starts: mostly in the same second, in
			// which a start is the first row.
			if got, want := strings.Replace(strings.Join(kinds, " "), "renewed start ", "start renewed ", 1), "start renewed acknowledged cancel spawned initialized step cleanup failure"; got != want {
				t.Errorf("rows %s, want %s", got, want)
			}
			if r.Skipped.Any() {
				t.Errorf("skipped %+v", r.Skipped)
			}
		})
	}
}

// diag is the content of all a runner's logs, as cat joins them.
func diag(t *testing.T, root string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, "_diag", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}

// finalized is in the log of a Worker that is through with its steps, and with what they have set. A Worker that starts
// before empties _temp under it.
const finalized = "INFO JobRunner] Finalize job."

// waitForLog waits until a Worker of the runner in root has that in its log, or has opened one if it is empty.
func waitForLog(t *testing.T, root, words string) {
	t.Helper()
	testkit.Await(t, "a Worker's log with "+words, func() bool {
		logs, _ := filepath.Glob(filepath.Join(root, "_diag", "Worker_*.log"))
		return slices.ContainsFunc(logs, func(log string) bool {
			text, _ := os.ReadFile(log)
			return strings.Contains(string(text), words)
		})
	})
}

// aSecond is longer than one of the logs'.
const aSecond = 1100 * time.Millisecond

// replay has Job B come while Job A runs. If the Listener does not wait, Job A ends while Job B's step runs, which ends
// after it. The logs count in seconds, and a Worker's log is named for the one in which it began: so a second or more is
// between the two starts, the later one and Job A's end, and that and Job B's.
func replay(t *testing.T, l *standin.Listener) {
	t.Helper()
	defer l.Close()
	release := make(chan struct{}, 2)
	l.Release = release
	runsB, endedA := filepath.Join(l.Root, "b-runs"), filepath.Join(l.Root, "a-ended")
	jobA := standin.Job{Name: "run-tables-tests (spark)", Teardown: 40 * time.Second, Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}}
	if !l.Waits {
		jobA.TeardownUntil = runsB
	}
	release <- struct{}{}
	a, err := l.Dispatch(jobA)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Abort()
	waitForLog(t, l.Root, "")
	time.Sleep(aSecond)
	b, err := l.Dispatch(standin.Job{Name: "Job B", Steps: []standin.Step{{
		Name: "build", Run: "sleep 1.1\n" + standin.Mark(runsB) + standin.Until(endedA) + standin.SetOutput("a", "b"),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	waitForLog(t, l.Root, finalized)
	release <- struct{}{}
	<-a.Done()
	time.Sleep(aSecond)
	if err := os.WriteFile(endedA, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	<-b.Done()
}
