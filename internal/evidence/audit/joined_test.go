package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// issueLogs are the issue's three logs by their names: the Listener's, Job A's, Job B's.
func issueLogs(t testing.TB) (names, contents []string) {
	t.Helper()
	paths, err := filepath.Glob(issueDir + "/*.log")
	if err != nil || len(paths) != 3 {
		t.Fatalf("%v, %v", paths, err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		names, contents = append(names, filepath.Base(path)), append(contents, string(data))
	}
	return names, contents
}

// joinedRun audits one file of a name that says nothing.
func joinedRun(t testing.TB, content string) *Report {
	t.Helper()
	return run(t, filepath.Join(folder(t, map[string]string{"joined.txt": content}), "joined.txt"))
}

// TestIssueBehindNames has the logs in one file, as "tail -v" joins them: a line before each names it.
func TestIssueBehindNames(t *testing.T) {
	names, contents := issueLogs(t)
	for form, heading := range map[string]string{"tail": "==> _diag/%s <==\n", "head, CRLF": "==> %s <==\r\n"} {
		var all string
		for i, name := range names {
			log := contents[i] + "\n"
			if strings.Contains(form, "CRLF") {
				log = strings.ReplaceAll(log, "\n", "\r\n")
			}
			all += fmt.Sprintf(heading, name) + log
		}
		r := joinedRun(t, all)
		checkIssue(t, r)
		if len(r.Unsure) > 0 || r.Skipped.Any() {
			t.Errorf("%s: %q, skipped %+v", form, r.Unsure, r.Skipped)
		}
	}
}

// TestContainer has what a container of the real runner 2.333.1 printed, with ACTIONS_RUNNER_PRINT_LOG_TO_STDOUT=1: the
// lines of the Listener and of two Workers at once, most of them left out. RA's cleanup deletes what RB still needs.
func TestContainer(t *testing.T) {
	data, err := os.ReadFile("testdata/container.stdout")
	if err != nil {
		t.Fatal(err)
	}
	r := joinedRun(t, string(data))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 2, Lost: 1, Cancelled: 1}); r.Totals != want || r.Skipped.Any() {
		t.Fatalf("%+v, want %+v, skipped %+v", r.Totals, want, r.Skipped)
	}
	if want := "Yes: the race hit this runner. 1 job ended well without what its steps had set and 1 job lost files and ended otherwise, because "; !strings.HasPrefix(r.Verdict, want) {
		t.Errorf("%s", r.Verdict)
	}
	i := r.Incidents[0]
	if !i.B.Lost || i.A.Lost || i.A.Harm != Certain || !strings.Contains(i.WithShim, "Job B would have kept what its steps had set.") ||
		!slices.Contains(i.Failed, "Job B ended well (Succeeded) without what its steps had set") {
		t.Errorf("%+v, %q, %q", i.B, i.WithShim, i.Failed)
	}
	for _, row := range i.Timeline {
		if row.Kind == "failure" || strings.Contains(row.Text, "fails") {
			t.Errorf("no step failed: %q", row.Text)
		}
	}
	if i.A.Name != "RA" || i.A.PID != 23273 || i.A.Result != "Canceled" || i.Seconds != 9 ||
		i.B.Name != "RB" || i.B.PID != 23485 || i.B.Result != "Succeeded" || i.B.Harm != Certain || *i.B.ExitCode != 100 {
		t.Errorf("A %+v\nB %+v, %d s", i.A, i.B, i.Seconds)
	}
}

// TestContainerJobsInTurn: Workers that live after each other stay apart, also if one was killed.
func TestContainerJobsInTurn(t *testing.T) {
	const jobs = 100
	container := func(program, lines string) string { return strings.ReplaceAll(lines, "[2026", "["+program+" 2026") }
	var all strings.Builder
	for n := range jobs {
		job := fmt.Sprintf("%08x-82dd-5f8b-a498-a9859d5322d2", n+1)
		listener := dispatch(job, n+1, n*20, n*20+15, 100)
		log := workerLines(job, n*20+1, n*20+15)
		if n%3 == 0 {
			log = log[:strings.LastIndex(log, "[2026")]
		}
		all.WriteString(container("RUNNER", records(listener[:9]...)) + container("WORKER", log) + container("RUNNER", records(listener[9:]...)))
	}
	if r := joinedRun(t, all.String()); r.Totals != (Totals{Jobs: jobs}) || r.Skipped.Any() || !strings.HasPrefix(r.Verdict, "No: ") {
		t.Errorf("%+v, skipped %+v, %s", r.Totals, r.Skipped, r.Verdict)
	}
}

// TestLogWithoutItsBeginning is no second Worker, be it cut off ever so late.
func TestLogWithoutItsBeginning(t *testing.T) {
	log := workerLines(jobA, 5, 300, "11:02:00 JobRunner: a line")
	_, midst, _ := strings.Cut(log, "Getting job extension.\n")
	r := joinedRun(t, records(dispatch(jobA, 100, 5, 300, 100)...)+midst)
	if r.Totals != (Totals{Jobs: 1}) || r.lives[0].Log == nil {
		t.Errorf("%+v", r.Totals)
	}
	if r := joinedRun(t, midst); r.Totals != (Totals{Jobs: 1}) || !r.lives[0].Running {
		t.Errorf("alone: %+v", r.Totals)
	}
}

// TestWholeLogTwice: a log that is in the file twice is no second Worker.
func TestWholeLogTwice(t *testing.T) {
	log, listener := workerLines(jobA, 5, 300), records(dispatch(jobA, 100, 5, 300, 100)...)
	for name, text := range map[string]string{"log": log + log, "Listener": listener + listener + log, "both": listener + log + listener + log} {
		if r := joinedRun(t, text); r.Totals != (Totals{Jobs: 1}) {
			t.Errorf("%s: %+v", name, r.Totals)
		}
	}
}

// TestManyLogsInOneFile has the logs of jobs in turn behind each other; every third Worker was killed.
func TestManyLogsInOneFile(t *testing.T) {
	const jobs = 100
	var listener, workers strings.Builder
	listener.WriteString(records("11:00:00 Listener: Version: 2.333.1"))
	for n := range jobs {
		job := fmt.Sprintf("%08x-82dd-5f8b-a498-a9859d5322d2", n+1)
		listener.WriteString(records(dispatch(job, n+1, n*20, n*20+15, 100)...))
		log := workerLines(job, n*20+1, n*20+15)
		if n%3 == 0 {
			log = log[:strings.LastIndex(log, "[2026")]
		}
		workers.WriteString(log)
	}
	for name, all := range map[string]string{
		"Listener first": listener.String() + workers.String(), "Workers first": workers.String() + listener.String(), "Workers": workers.String(),
	} {
		r := joinedRun(t, all)
		verdict := map[bool]string{true: "Cannot tell: ", false: "No: "}[name == "Workers"]
		if want := (Totals{Jobs: jobs}); r.Totals != want || r.Skipped.Any() || !strings.HasPrefix(r.Verdict, verdict) {
			t.Errorf("%s: %+v, want %+v, skipped %+v, %s", name, r.Totals, want, r.Skipped, r.Verdict)
		}
		for _, l := range r.lives {
			if seconds := l.End.When - l.Start.When; seconds < 14 || seconds > 15 || l.Job == "" {
				t.Errorf("%s: %s lived for %d s", name, l.Job, seconds)
			}
		}
	}
}

// TestManyBeginnings: time is in proportion to the file, however many logs begin in it.
func TestManyBeginnings(t *testing.T) {
	var b strings.Builder
	for n := range 2000 { // time goes back at every second record
		fmt.Fprintf(&b, "[2026-04-20 11:%02d:%02dZ INFO Worker] Version: 2\n[2026-04-20 10:00:00Z INFO HostContext] x\n", n/60%60, n%60)
	}
	r := joinedRun(t, b.String())
	if r.Totals.Jobs == 0 || len(r.Incidents) > maxPairs*r.Totals.Jobs {
		t.Errorf("%+v", r.Totals)
	}
}
