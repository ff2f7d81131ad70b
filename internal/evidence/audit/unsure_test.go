package audit

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestListenerAlone: the next Worker started, and no line before told the end of the one that was cancelled for it.
func TestListenerAlone(t *testing.T) {
	names, contents := issueLogs(t)
	for _, r := range []*Report{run(t, filepath.Join(issueDir, names[0])), joinedRun(t, contents[0])} {
		if want := (Totals{Jobs: 2, Overlaps: 1, Cancelled: 1}); r.Totals != want || !r.Found() {
			t.Fatalf("%+v, want %+v", r.Totals, want)
		}
		if i := r.Incidents[0]; i.A.ID[:8] != "42b445e6" || i.B.PID != 1449281 || i.Seconds != 0 {
			t.Errorf("%+v", i)
		}
		var screen strings.Builder
		if err := Writers.Text(r, &screen); err != nil || !strings.Contains(screen.String(), "the logs do not tell for how long") {
			t.Errorf("%v\n%s", err, screen.String())
		}
	}
}

// TestCannotTell has logs with a sign of the race and without the Worker that would explain it.
func TestCannotTell(t *testing.T) {
	names, contents := issueLogs(t)
	lines := strings.SplitAfter(contents[0], "\n")
	enoent := workerLines(jobA, 0, 60, "11:00:30 X: ENOENT: no such file or directory, open '"+temp+"/y'")
	missed := workerLines(jobA, 0, 60, "11:00:30 X: Missing file at path: "+temp+"/_runner_file_commands/set_output_1")
	whole := records(dispatch(jobA, 1, 0, 60, 100)...)
	cancelled := "11:00:30 Worker: Cancellation/Shutdown message received."
	for name, c := range map[string]struct {
		files map[string]string
		why   []string // none where the answer is no
	}{
		"Job A alone":           {map[string]string{names[1]: contents[1]}, []string{"cancelled", "no Listener's log"}},
		"Job B alone":           {map[string]string{names[2]: contents[2]}, []string{"missed files", "no Listener's log"}},
		"no next start":         {map[string]string{names[0]: strings.Join(lines[:5], "")}, []string{"cancelled", "beginning"}},
		"in a Listener's log":   {map[string]string{names[0]: whole + "Missing file at path: " + temp + "/x\n"}, []string{"is outside of any Worker's log"}},
		"outside any record":    {map[string]string{name("Runner", 0): whole, name("Worker", 0): "Missing file at path: " + temp + "/x\n" + workerLines(jobA, 0, 60)}, []string{"is outside of any Worker's log"}},
		"jobs in turn":          {map[string]string{name("Worker", 0): missed, name("Worker", 90): workerLines(jobB, 90, 99)}, []string{"missed files", "no Listener's log (Runner_*.log) tells what lived beside 2 Workers"}},
		"one Worker's log":      {map[string]string{name("Worker", 0): workerLines(jobA, 0, 60)}, []string{"no Listener's log (Runner_*.log) tells what lived beside 1 Worker (Worker_"}},
		"another time's log":    {map[string]string{name("Runner", 100): records(dispatch(jobB, 1, 100, 160, 100)...), name("Worker", 0): workerLines(jobA, 0, 60)}, []string{"beside 1 Worker (Worker_20260420-110000"}},
		"a job's end":           {map[string]string{name("Runner", 0): records(dispatch(jobA, 1, 0, 60, 100)[9:]...)}, []string{"the beginning of 1 Worker"}},
		"what a job ended as":   {map[string]string{name("Runner", 0): records("11:00:30 JobDispatcher: Job request " + jobA + " processed succeed.")}, []string{"no job"}},
		"a Listener at rest":    {map[string]string{name("Runner", 0): records("11:00:00 Listener: Version: 2.333.1")}, []string{"no job"}},
		"a job in its midst":    {map[string]string{name("Runner", 0): records(dispatch(jobA, 1, 0, 60, 100)[:9]...)}, []string{"the end of 1 Worker (" + name("Runner", 0)}},
		"half a compressed log": {map[string]string{name("Runner", 0): whole, name("Worker", 0) + ".gz": zipped(workerLines(jobA, 0, 60))[:50]}, []string{"not everything could be read ("}},

		"a whole life":             {map[string]string{name("Runner", 0): whole}, nil},
		"a file of the job's own":  {map[string]string{name("Runner", 0): whole, name("Worker", 0): enoent}, nil},
		"a cancelled Worker's end": {map[string]string{name("Runner", 0): whole, name("Worker", 0): workerLines(jobA, 0, 60, cancelled)}, nil},
	} {
		r := run(t, folder(t, c.files))
		if len(r.Unsure) != len(c.why) || r.Found() {
			t.Errorf("%s: %q, %s", name, r.Unsure, r.Verdict)
			continue
		}
		for i, want := range c.why {
			if !strings.Contains(r.Unsure[i], want) {
				t.Errorf("%s: %q, want %q", name, r.Unsure[i], want)
			}
		}
		if prefix := map[bool]string{true: "No: ", false: "Cannot tell: "}[c.why == nil]; !strings.HasPrefix(r.Verdict, prefix) {
			t.Errorf("%s: %s", name, r.Verdict)
		}
	}
}
