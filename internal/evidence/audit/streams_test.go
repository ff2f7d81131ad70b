package audit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// containerForms are what stands before a line of a container or of a unit, by who prints it.
var containerForms = map[string]func(line string) string{
	"as the container prints it": func(l string) string { return l },
	"containerd":                 func(l string) string { return "2026-04-20T11:55:19.123456789Z stdout F " + l },
	"docker logs -t":             func(l string) string { return "2026-04-20T11:55:19.123456789Z " + l },
	"docker compose":             func(l string) string { return "runner-1  | " + l },
	"docker compose logs -t":     func(l string) string { return "runner-1  | 2026-04-20T11:55:19.123456789Z " + l },
	"kubectl logs --prefix":      func(l string) string { return "[pod/runner-x7/runner] " + l },
	"journalctl":                 func(l string) string { return "Apr 20 11:55:19 build-3 runsvc.sh[815]: " + l },
	"journalctl of a day below ten": func(l string) string {
		return "Apr  2 11:55:19 build-3 runsvc.sh[815]: " + l
	},
	"journalctl -o short-iso": func(l string) string { return "2026-04-20T11:55:19+0000 build-3 runsvc.sh[815]: " + l },
	"journalctl -o json": func(l string) string {
		return object(map[string]string{"__CURSOR": "s=1", "_PID": "815", "SYSLOG_IDENTIFIER": "runsvc.sh", "MESSAGE": l})
	},
	"journalctl -o export": func(l string) string {
		return "__CURSOR=s=1;i=2\n_PID=815\n_CMDLINE=x=[RUNNER 2026-04-20 11:55:19Z INFO Worker] y\nMESSAGE=" + l + "\nSYSLOG_IDENTIFIER=runsvc.sh\n"
	},
	"journalctl -o export of control characters": func(l string) string {
		return "__CURSOR=s=1;i=2\nMESSAGE\n\x01\x00\x00\x00\x00\x00\x00\x00" + l + "\n_PID=815\nSYSLOG_IDENTIFIER=runsvc.sh\n"
	},
	"Docker's own file": func(l string) string {
		return object(map[string]string{"log": l + "\n", "stream": "stdout", "time": "2026-04-20T11:55:19.1Z"})
	},
	"one blank after ERR": func(l string) string { return strings.Replace(l, "ERR  ", "ERR ", 1) },
}

func object(o map[string]string) string {
	b, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// inForm has each line of a text in a form.
func inForm(text string, form func(string) string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(form(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// inContainer has a log as a container prints it: each record with its program.
func inContainer(name, log string) string {
	program := "[WORKER 20"
	if strings.HasPrefix(name, "Runner") {
		program = "[RUNNER 20"
	}
	return inForm(log, func(l string) string { return strings.Replace(l, "[20", program, 1) })
}

// TestIssueFromContainer has the lines that issue 4357 quotes, in every form in which a container's output is at hand:
// one log behind the other, and in the order of time, as the container printed them.
func TestIssueFromContainer(t *testing.T) {
	names, contents := issueLogs(t)
	var all string
	for i := range names {
		all += inContainer(names[i], contents[i])
	}
	mixed := slices.Collect(strings.Lines(all))
	slices.SortStableFunc(mixed, func(a, b string) int { return strings.Compare(a[8:27], b[8:27]) })
	for order, text := range map[string]string{"in turn": all, "mixed": strings.Join(mixed, "")} {
		for name, form := range containerForms {
			t.Run(order+", "+name, func(t *testing.T) {
				r := joinedRun(t, inForm(text, form))
				if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1, Cancelled: 1}); r.Totals != want || r.Skipped.Any() {
					t.Fatalf("%+v, want %+v, skipped %q", r.Totals, want, r.Skipped.Lines())
				}
				i := r.Incidents[0]
				if i.A.ID[:8] != "42b445e6" || !i.A.Cancelled || i.A.Harm != NoHarm || i.B.ID[:8] != "b665e3b4" || i.B.PID != 1449281 ||
					i.B.Harm != Certain || *i.B.ExitCode != 102 || i.Seconds != 17 {
					t.Errorf("A %+v\nB %+v, %d s", i.A, i.B, i.Seconds)
				}
				if !slices.ContainsFunc(i.Timeline, func(row Row) bool { return row.Kind == "start" && row.Text == "Job A is running — job 42b445e6" }) {
					t.Errorf("no row says that Job A is running: %+v", i.Timeline)
				}
				// Only the start of Job A, which the name of its log tells, is not in the text.
				for n, row := range i.Timeline[len(i.Timeline)-7:] {
					want := issueTable[len(issueTable)-7+n]
					if !strings.HasSuffix(row.Time.String(), want.time+" +0000 UTC") || row.Actor != want.actor {
						t.Errorf("%s by %s, want %s by %s", row.Time, row.Actor, want.time, want.actor)
					}
				}
			})
		}
	}
}

// TestContainerForms: what the real runner's container printed tells the same in every form, and compressed.
func TestContainerForms(t *testing.T) {
	data, err := os.ReadFile("testdata/container.stdout")
	if err != nil {
		t.Fatal(err)
	}
	want := told(t, joinedRun(t, string(data)))
	for name, form := range containerForms {
		if got := told(t, joinedRun(t, inForm(string(data), form))); got != want {
			t.Errorf("%s: %s\nwant %s", name, got, want)
		}
	}
	if got := told(t, joinedRun(t, zipped(string(data)))); got != want {
		t.Errorf("gzip: %s", got)
	}
	cmd := exec.Command(testkit.RequireTool(t, "zstd", "zstd"), "-c")
	cmd.Stdin = strings.NewReader(string(data))
	small, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := told(t, joinedRun(t, string(small))); got != want {
		t.Errorf("zstd: %s", got)
	}
	dir := folder(t, map[string]string{"half": string(small[:len(small)/2]), "whole": string(data)})
	r := run(t, filepath.Join(dir, "half"), filepath.Join(dir, "whole"))
	if len(r.Skipped.Files) != 1 || !strings.Contains(r.Skipped.Files[0].Why, "premature end") {
		t.Errorf("half of a zstd file: %q", r.Skipped.Lines())
	}
	t.Setenv("PATH", t.TempDir())
	_, err = Run([]string{filepath.Join(folder(t, map[string]string{"x.zst": string(small)}), "x.zst")})
	if err == nil || !strings.Contains(err.Error(), "no zstd command here; install zstd") || strings.Contains(err.Error(), "\n") {
		t.Errorf("without zstd: %v", err)
	}
}

// told is what a report says of its incidents, without where it stands.
func told(t *testing.T, r *Report) string {
	t.Helper()
	for _, i := range r.Incidents {
		i.Runner = ""
		for n := range i.Timeline {
			i.Timeline[n].Evidence = ""
		}
	}
	b, err := json.Marshal([]any{r.Totals, r.Incidents, r.Weeks, r.Verdict})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestJournalOfSeveralRunners has what `journalctl -u 'actions.runner.*'` prints of three runners' services. Two have a
// job at the same time, and one was started anew while its Worker lived on.
func TestJournalOfSeveralRunners(t *testing.T) {
	job := func(n int) string { return fmt.Sprintf("%08x-82dd-5f8b-a498-a9859d5322d2", n) }
	service := func(pid, n, from, to int, whole bool) string {
		listener := dispatch(job(n), pid+1, from, to, 100)
		text := inContainer("Runner", records(listener[:9]...)) + inContainer("Worker", workerLines(job(n), from, to))
		if whole {
			text += inContainer("Runner", records(listener[9:]...))
		}
		text = strings.ReplaceAll(text, "/home/r/", fmt.Sprintf("/home/r%d/", n%10))
		return inForm(text, func(l string) string { return fmt.Sprintf("Apr 20 11:00:00 host runsvc.sh[%d]: %s", pid, l) })
	}
	mixed := slices.Collect(strings.Lines(service(100, 1, 0, 100, true) + service(200, 2, 10, 90, true) + service(300, 3, 5, 120, false) + service(400, 13, 60, 150, true)))
	slices.SortStableFunc(mixed, func(a, b string) int {
		at := func(l string) string { _, l, _ = strings.Cut(l, " 2026-04-20 "); return l[:min(8, len(l))] }
		return strings.Compare(at(a), at(b))
	})
	r := joinedRun(t, strings.Join(mixed, ""))
	if r.Totals.Jobs != 4 || r.Totals.Overlaps != 1 {
		t.Fatalf("%+v", r.Totals)
	}
	if i := r.Incidents[0]; i.A.ID != job(3) || i.B.ID != job(13) || i.Seconds != 60 {
		t.Errorf("%+v", i)
	}
}

// TestContainersSideBySide: two containers may have their _temp at one path; they share none.
func TestContainersSideBySide(t *testing.T) {
	of := func(name, job string, from, to int) string {
		listener := dispatch(job, 100, from, to, 100)
		text := inContainer("Runner", records(listener[:9]...)) + inContainer("Worker", workerLines(job, from, to)) + inContainer("Runner", records(listener[9:]...))
		return inForm(text, func(l string) string { return name + "  | " + l })
	}
	r := joinedRun(t, of("runner-1", jobA, 0, 60)+of("runner-2", jobB, 30, 90))
	if r.Totals != (Totals{Jobs: 2}) {
		t.Errorf("%+v", r.Totals)
	}
}

// TestRecordsFurtherOnInALine: a job's text is no record, however much it looks like one.
func TestRecordsFurtherOnInALine(t *testing.T) {
	fake := "[WORKER 2026-04-20 11:00:30Z INFO Worker] Version: 2.333.1"
	text := inContainer("Runner", records(dispatch(jobA, 100, 0, 60, 100)[:9]...)) +
		inContainer("Worker", workerLines(jobA, 0, 60, "11:00:30 X: a text", "and "+fake, "  x  "+fake, "__CURSOR=s=1", "")) +
		inContainer("Runner", records(dispatch(jobA, 100, 0, 60, 100)[9:]...))
	for name, form := range containerForms {
		if r := joinedRun(t, inForm(text, form)); r.Totals != (Totals{Jobs: 1}) || len(r.Unsure) > 0 {
			t.Errorf("%s: %+v, %q", name, r.Totals, r.Unsure)
		}
	}
}
