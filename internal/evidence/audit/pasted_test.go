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

// pastedRun audits one file of a name that says nothing.
func pastedRun(t testing.TB, content string) *Report {
	t.Helper()
	return run(t, filepath.Join(logs(t, map[string]string{"pasted.txt": content}), "pasted.txt"))
}

// TestIssueQuoted has the logs in one file, each behind a line that names it.
func TestIssueQuoted(t *testing.T) {
	names, contents := issueLogs(t)
	const missed = "Missing file at path: …/_temp/_runner_file_commands/set_output_<uuid>\n"
	for form, quote := range map[string]func(name, log string) string{
		"issue": func(name, log string) string {
			return "Log — what it shows (" + name + ")\n\nBefore it:\n\n" + log + "\nAfter it, " + missed
		},
		"markdown": func(name, log string) string { return "`" + name + "`:\n```\n" + log + "```\n" },
		"tail":     func(name, log string) string { return "==> _diag/" + name + " <==\n" + log + "\n" },
		"CRLF":     func(name, log string) string { return strings.ReplaceAll(name+"\n\n"+log, "\n", "\r\n") },
		"in pieces": func(name, log string) string {
			return name + "\n" + log[:strings.Index(log, "\n")+1] + "\n…\n" + log[strings.Index(log, "\n")+1:]
		},
		"twice": func(name, log string) string { return name + "\n" + log + "\n" + name + "\n" + log },
	} {
		t.Run(form, func(t *testing.T) {
			text := "The error is\n" + missed
			for i, name := range names {
				text += quote(name, contents[i])
			}
			r := pastedRun(t, text)
			checkIssue(t, r)
			if len(r.Unsure) > 0 || r.Skipped.Backwards > 0 {
				t.Errorf("%q, skipped %+v", r.Unsure, r.Skipped)
			}
		})
	}
}

// TestIssueInOneFile has the logs behind each other in any order, so that nothing tells when Job A began.
func TestIssueInOneFile(t *testing.T) {
	_, contents := issueLogs(t)
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var all string
		for _, i := range order {
			all += contents[i]
		}
		r := pastedRun(t, all)
		if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Cancelled: 1}); r.Totals != want {
			t.Errorf("%v: %+v, want %+v", order, r.Totals, want)
			continue
		}
		i := r.Incidents[0]
		if len(i.Timeline) != len(issueTable) || i.Seconds != 17 || !strings.HasPrefix(i.Timeline[0].Text, "Job A is running") || i.B.PID != 1449281 {
			t.Errorf("%v: %+v", order, i)
		}
	}
	r := pastedRun(t, contents[1]+contents[2])
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1}); r.Totals != want {
		t.Errorf("the Workers' alone: %+v, want %+v", r.Totals, want)
	}
	lines := strings.SplitAfter(strings.Join(contents, ""), "\n")
	slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(a[:min(len(a), 21)], b[:min(len(b), 21)]) })
	if r := pastedRun(t, strings.Join(lines, "")); r.Totals.Jobs != 2 || !r.Found() {
		t.Errorf("by time: %+v", r.Totals)
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
		r := pastedRun(t, all)
		if want := (Totals{Jobs: jobs}); r.Totals != want || r.Skipped.any() || !strings.HasPrefix(r.Verdict, "No: ") {
			t.Errorf("%s: %+v, want %+v, skipped %+v, %s", name, r.Totals, want, r.Skipped, r.Verdict)
		}
		for _, l := range r.lives {
			if seconds := l.end.when - l.start.when; seconds < 14 || seconds > 15 || l.job == "" {
				t.Errorf("%s: %s lived for %d s", name, l.job, seconds)
			}
		}
	}
}

// TestQuotedAgainIsNoOverlap: what a person quotes twice, or from the midst of a log, is no second Worker.
func TestQuotedAgainIsNoOverlap(t *testing.T) {
	log := workerLines(jobA, 5, 300, "11:00:30 X: a line", "11:02:00 StepsRunner: another line")
	listener := records(dispatch(jobA, 100, 5, 300, 100)...)
	_, midst, _ := strings.Cut(log, "Getting job extension.\n")
	midst, _, _ = strings.Cut(midst, "[2026-04-20 11:05:00Z")
	for name, text := range map[string]string{
		"a line":               log + "\nThis one:\n\n" + midst,
		"before the log":       midst + "\nThe whole:\n\n" + log,
		"the end":              log + "\n" + log[strings.Index(log, "[2026-04-20 11:05:00Z"):],
		"with the Listener":    listener + midst,
		"the Listener twice":   listener + "\n" + listener + log,
		"a second Listener":    listener + log + listener,
		"the log twice":        log + log,
		"the log and its head": log + log[:strings.Index(log, "[2026-04-20 11:00:30Z")],
		"its head and the log": log[:strings.Index(log, "[2026-04-20 11:00:30Z")] + log,
		"the midst, Listener":  midst + "\n" + listener + "\n" + midst,
		"the Listener's midst": listener + listener[strings.Index(listener, "[2026-04-20 11:00:05Z INFO ProcessInvokerWrapper]"):],
	} {
		if r := pastedRun(t, text); r.Totals != (Totals{Jobs: 1}) {
			t.Errorf("%s: %+v", name, r.Totals)
			for _, l := range r.lives {
				t.Logf("%s %d %s – %s", l.job, l.pid, l.start.when.time(), l.end.when.time())
			}
		}
	}
}

func TestFragmentBounds(t *testing.T) {
	var b strings.Builder
	for n := range 50_000 { // time goes back at every second record
		fmt.Fprintf(&b, "[2026-04-20 11:%02d:%02dZ INFO Worker] x\n[2026-04-20 10:00:00Z INFO HostContext] x\n", n/60%60, n%60)
	}
	r := pastedRun(t, b.String())
	if r.Totals.Jobs == 0 || len(r.Incidents) > maxPairs*r.Totals.Jobs {
		t.Errorf("%+v", r.Totals)
	}
}
