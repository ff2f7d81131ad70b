package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// newerRoot makes a runner of the stand-in.
func newerRoot(t *testing.T, version string) standin.Root {
	t.Helper()
	root, err := standin.MakeRoot(filepath.Join(testkit.Dir(t), "runner"), standin.RootOptions{Version: version, Program: testkit.Binary(t)})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestStandInLosesJobs: a job that the service does not give; one that is killed and comes again; and one that the
// service has given up when it ends.
func TestStandInLosesJobs(t *testing.T) {
	t.Parallel()
	root := newerRoot(t, "2.336.0")
	l := &standin.Listener{Root: root.Dir, Scale: 0.1, Waits: true}
	defer l.Close()
	if err := l.Drop(standin.Job{ID: "99999999-2222-4333-8444-555555555555"}); err != nil {
		t.Fatal(err)
	}
	twice := standin.Job{ID: "11111111-2222-4333-8444-555555555555", Name: "comes twice", Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}}
	w, err := l.Start(twice)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	for left := []string(nil); len(left) == 0; time.Sleep(5 * time.Millisecond) {
		left, _ = filepath.Glob(filepath.Join(root.Diag, "blocks", "*"))
	}
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	w.Wait()
	twice.Steps[0].Sleep = 0
	for _, job := range []standin.Job{twice, {Name: "given up", Forgotten: true, Steps: []standin.Step{{Name: "short", Sleep: time.Millisecond}}}} {
		time.Sleep(aSecond)
		w, err := l.Start(job)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Abort()
		w.Wait()
	}
	r := run(t, root.Dir)
	if r.Totals.Dropped != 1 || r.Totals.Exists != 1 || r.Totals.Overlaps != 0 || r.Totals.Harmed+r.Totals.Lost != 0 {
		t.Errorf("%+v, %s\n%+v", r.Totals, r.Verdict, r.Incidents)
	}
}

// TestStandInBackground: two steps of a job run at once when another Worker empties _temp. Each misses its own files.
func TestStandInBackground(t *testing.T) {
	t.Parallel()
	root := newerRoot(t, "2.335.1")
	release := make(chan struct{}, 2)
	l := &standin.Listener{Root: root.Dir, Scale: 0.1, Release: release}
	release <- struct{}{}
	runsB, endedA := filepath.Join(root.Dir, "b-runs"), filepath.Join(root.Dir, "a-ended")
	a, err := l.Dispatch(standin.Job{Name: "A", Teardown: 30 * time.Second, TeardownUntil: runsB, Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Abort()
	defer l.Close()
	waitForLog(t, root.Dir, "")
	time.Sleep(aSecond)
	step := func(name string) standin.Step {
		return standin.Step{Name: name, Background: true, Run: standin.Mark(filepath.Join(root.Dir, name)) + standin.Until(endedA) + standin.SetOutput("x", "y")}
	}
	b, err := l.Dispatch(standin.Job{Name: "B", Teardown: 15 * time.Second, Steps: []standin.Step{
		step("first"), step("second"),
		{Name: "both run", Run: standin.Until(filepath.Join(root.Dir, "first")) + standin.Until(filepath.Join(root.Dir, "second")) + "sleep 1.1\n" + standin.Mark(runsB)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Abort()
	waitForLog(t, root.Dir, finalized)
	release <- struct{}{}
	<-a.Done()
	if err := os.WriteFile(endedA, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	<-b.Done()
	r := run(t, root.Dir)
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1, Cancelled: 1}); r.Totals != want {
		t.Fatalf("%+v, want %+v, %s", r.Totals, want, r.Verdict)
	}
	missed := map[string]bool{}
	for _, row := range r.Incidents[0].Timeline {
		if row.Kind == "failure" {
			_, path, _ := strings.Cut(row.Text, "Missing file at path: ")
			missed[path] = true
		}
	}
	if len(missed) != 2 {
		t.Errorf("two steps missed a file each, and the report has %v of\n%+v", missed, r.Incidents[0].Timeline)
	}
}
