package audit

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// issueDir has the excerpts of the three logs that actions/runner #4357 quotes, line for line.
const issueDir = "testdata/issue-4357"

// issueTable is the summary table of actions/runner #4357: the time, and what the row has to say. The
// excerpts do not name Job A's PID and display name, so its first row has neither.
var issueTable = []struct {
	time, actor string
	says        []string
}{
	{"11:48:36", "A", []string{"Job A starts"}},
	{"11:55:17", "A", []string{"renewed successfully", "valid till", "12:04:36"}},
	{"11:55:17", "B", []string{"Job B is acknowledged by the runner while Job A is active"}},
	{"11:55:19", "runner", []string{`"Cancel running worker right away"`, "sends the cancellation to Job A"}},
	{"11:55:19", "B", []string{"Job B (PID 1449281) starts", "two Workers are alive"}},
	{"11:55:20", "B", []string{"Job B initializes", "uses the shared /home/ubuntu/actions-runner/orgs_miniohq_work/_temp"}},
	{"11:55:22", "B", []string{"created set_output_b0988204…", "starts actions/checkout@v6"}},
	{"11:55:36", "A", []string{"Job A runs TempDirectoryManager", "wipes the shared", "Job B's files"}},
	{"11:55:45", "B", []string{"actions/checkout@v6 fails", "Missing file at path: /home/", "/set_output_b0988204-"}},
	{"11:55:49", "B", []string{"exits with code 102 (Failed)"}},
}

func checkIssue(t *testing.T, r *Report) {
	t.Helper()
	if len(r.Incidents) != 1 {
		t.Fatalf("%d incidents, want 1", len(r.Incidents))
	}
	i := r.Incidents[0]
	if len(i.Timeline) != len(issueTable) {
		t.Errorf("%d rows, want %d", len(i.Timeline), len(issueTable))
	}
	for n, row := range i.Timeline[:min(len(i.Timeline), len(issueTable))] {
		want := issueTable[n]
		if row.Time.Format(time.DateTime) != "2026-04-20 "+want.time || row.Actor != want.actor {
			t.Errorf("row %d: %s by %s, want %s by %s", n+1, row.Time, row.Actor, want.time, want.actor)
		}
		for _, s := range want.says {
			if !strings.Contains(row.Text, s) {
				t.Errorf("row %d: %q does not say %q", n+1, row.Text, s)
			}
		}
		if row.Evidence == "" {
			t.Errorf("row %d has no evidence", n+1)
		}
	}
	if i.A.ID != "42b445e6-82dd-5f8b-a498-a9859d5322d2" || !i.A.Cancelled || i.A.Harm != NoHarm {
		t.Errorf("Job A: %+v", i.A)
	}
	if i.B.ID != "b665e3b4-2377-5230-9563-f043505754b8" || i.B.PID != 1449281 || i.B.Harm != Certain || *i.B.ExitCode != 102 {
		t.Errorf("Job B: %+v", i.B)
	}
	if i.Seconds != 17 {
		t.Errorf("both lived for %d s, want 17", i.Seconds)
	}
	want := Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1, Cancelled: 1}
	if r.Totals != want {
		t.Errorf("totals %+v, want %+v", r.Totals, want)
	}
	if len(r.Weeks) != 1 || r.Weeks[0] != (Week{Week: "2026-W17", Jobs: 2, Overlaps: 1, Harmed: 1}) {
		t.Errorf("weeks %+v", r.Weeks)
	}
	if !strings.Contains(i.WithShim, "Job A's cleanup at 11:55:36 would not have reached Job B's _temp, and Job B would not have failed") ||
		!strings.Contains(i.WithShim, "still have been cancelled") {
		t.Errorf("with the shim: %q", i.WithShim)
	}
	if len(i.Failed) != 3 || !strings.Contains(strings.Join(i.Failed, "\n"), "Job A could not report its end at 11:55:36") {
		t.Errorf("failed: %q", i.Failed)
	}
	if !r.Found() || !strings.HasPrefix(r.Verdict, "Yes") {
		t.Errorf("verdict %q", r.Verdict)
	}
}

func TestIssueTable(t *testing.T) {
	r := run(t, issueDir)
	checkIssue(t, r)
	if r.Skipped.Any() {
		t.Errorf("skipped %+v", r.Skipped)
	}
	for n, want := range map[int]string{
		0: "Worker_20260420-114836-utc.log",
		3: "Runner_20260410-225245-utc.log:4",
		7: "Worker_20260420-114836-utc.log:5",
	} {
		if got := r.Incidents[0].Timeline[n].Evidence; got != want {
			t.Errorf("row %d: evidence %q, want %q", n+1, got, want)
		}
	}
}

// TestIssueEncodings audits the same logs as they may lie about.
func TestIssueEncodings(t *testing.T) {
	for name, encode := range map[string]func(string) (string, string){
		"gzip":            func(s string) (string, string) { return ".gz", zipped(s) },
		"gzip, two parts": func(s string) (string, string) { return ".gz", zipped(s[:len(s)/2]) + zipped(s[len(s)/2:]) },
		"rotated":         func(s string) (string, string) { return ".1", s },
		"CRLF":            func(s string) (string, string) { return "", strings.ReplaceAll(s, "\n", "\r\n") },
		"BOM":             func(s string) (string, string) { return "", "\ufeff" + s },
		"last line cut":   func(s string) (string, string) { return "", strings.TrimSuffix(s, "\n") },
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, path := range issueFiles(t) {
				data, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				suffix, content := encode(string(data))
				files[filepath.Base(path)+suffix] = content
			}
			checkIssue(t, run(t, folder(t, files)))
		})
	}
}

func TestIssueByFilesAndFromRoot(t *testing.T) {
	checkIssue(t, run(t, issueFiles(t)...))
	checkIssue(t, run(t, append(issueFiles(t), issueDir)...)) // each file once
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "_diag"), os.DirFS(issueDir)); err != nil {
		t.Fatal(err)
	}
	checkIssue(t, run(t, root))
}

// TestIssueForeignNames has the logs under names that say nothing; only the start that a name told is lost.
func TestIssueForeignNames(t *testing.T) {
	files := map[string]string{}
	for n, path := range issueFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[string(rune('a'+n))+".txt"] = string(data)
	}
	dir := folder(t, files)
	r := run(t, filepath.Join(dir, "a.txt"), filepath.Join(dir, "b.txt"), filepath.Join(dir, "c.txt"))
	if r.Totals.Jobs != 2 {
		t.Errorf("totals %+v", r.Totals)
	}
}

func TestJSONIsWhole(t *testing.T) {
	var out bytes.Buffer
	if err := Writers.JSON(run(t, issueDir), &out); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(out.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if back.Totals.Harmed != 1 || len(back.Incidents[0].Timeline) != len(issueTable) || strings.Contains(out.String(), `\u003c`) {
		t.Errorf("%s", out.String())
	}
}

func issueFiles(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(issueDir + "/*.log")
	if err != nil || len(paths) != 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	return paths
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}
