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
	for name, c := range map[string]struct {
		files map[string]string
		why   string // "" where the answer is no
	}{
		"Job A alone":              {map[string]string{names[1]: contents[1]}, "cancelled"},
		"Job B alone":              {map[string]string{names[2]: contents[2]}, "missed files"},
		"no next start":            {map[string]string{names[0]: strings.Join(lines[:5], "")}, "cancelled"},
		"in a Listener's log":      {map[string]string{names[0]: records(dispatch(jobA, 1, 0, 60, 100)...) + "Missing file at path: " + temp + "/x\n"}, "no Worker's log"},
		"outside any record":       {map[string]string{name("Worker", 0): "Missing file at path: " + temp + "/x\n" + workerLines(jobA, 0, 60)}, "no Worker's log"},
		"jobs in turn":             {map[string]string{name("Worker", 0): missed, name("Worker", 90): workerLines(jobB, 90, 99)}, "missed files"},
		"a file of the job's own":  {map[string]string{name("Worker", 0): enoent}, ""},
		"a cancelled Worker's end": {map[string]string{name("Worker", 0): workerLines(jobA, 0, 60, "11:00:30 Worker: Cancellation/Shutdown message received.")}, ""},
	} {
		r := run(t, folder(t, c.files))
		if c.why == "" {
			if len(r.Unsure) > 0 || !strings.HasPrefix(r.Verdict, "No: ") {
				t.Errorf("%s: %q, %s", name, r.Unsure, r.Verdict)
			}
			continue
		}
		if len(r.Unsure) != 1 || !strings.Contains(r.Unsure[0], c.why) || r.Found() || !strings.HasPrefix(r.Verdict, "Cannot tell: ") {
			t.Errorf("%s: %q, %s", name, r.Unsure, r.Verdict)
		}
	}
}
