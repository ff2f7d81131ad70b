package audit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// heldLog is what the Listener of the real runner 2.336.0 logged, most of it left out: RB arrives while RA is cancelled,
// whose always() step goes on.
const heldLog = "testdata/held/Runner_20261128-172613-utc.log"

// TestHeld: the job that waits for a cancelled Worker, which Worker that is, since when, and for how long.
func TestHeld(t *testing.T) {
	r := run(t, heldLog)
	if want := (Totals{Jobs: 2, Cancelled: 1, Held: 1}); r.Totals != want || len(r.Unsure) > 0 {
		t.Errorf("%+v, want %+v, %s", r.Totals, want, r.Verdict)
	}
	const want = "RB (1417b86f) came at 2026-11-28 17:26:19 UTC and started 44 s later: held by the cancelled Worker of RA (fa53d0d4) (PID 23269)"
	if len(r.Held) != 1 || r.Held[0].String() != want {
		t.Errorf("%+v, want %s", r.Held, want)
	}
	if !strings.HasSuffix(r.Verdict, " 1 job was held until a cancelled Worker had ended, up to 44 s.") {
		t.Error(r.Verdict)
	}
	for name, write := range map[string]func(*Report, *strings.Builder) error{
		"text": func(r *Report, b *strings.Builder) error { return Writers.Text(r, b) },
		"page": func(r *Report, b *strings.Builder) error { return Writers.HTML(r, b) },
	} {
		var out strings.Builder
		if err := write(r, &out); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: %v\n%s", name, err, out.String())
		}
	}
}

// TestHeldToTheEnd: the cancelled Worker does not end, and the logs do before the held job starts.
func TestHeldToTheEnd(t *testing.T) {
	data, err := os.ReadFile(heldLog)
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(string(data), "[2026-11-28 17:27:03Z")
	dir := folder(t, map[string]string{filepath.Base(heldLog): before + "[2026-11-28 18:26:19Z INFO JobDispatcher] Successfully renew job fa53d0d4-8625-412c-9753-531dc60d1dbd, job is valid till 11/28/2026 18:36:19\n"})
	r := run(t, dir)
	const want = "job 1417b86f came at 2026-11-28 17:26:19 UTC and had not started 3600 s later, at the end of the logs: held by the cancelled Worker of RA (fa53d0d4) (PID 23269)"
	if len(r.Held) != 1 || r.Held[0].String() != want || r.Held[0].Started {
		t.Errorf("%+v, want %s", r.Held, want)
	}
	if !strings.HasPrefix(r.Verdict, "Cannot tell: ") {
		t.Error(r.Verdict)
	}
}

// TestOlderRunnersHoldNobody: up to 2.335 the next Worker starts at once.
func TestOlderRunnersHoldNobody(t *testing.T) {
	for _, path := range []string{issueDir, "testdata/container.stdout"} {
		if r := run(t, path); len(r.Held) > 0 || r.Totals.Held > 0 {
			t.Errorf("%s: %+v", path, r.Held)
		}
	}
}

// TestDropped: the service assigns a job and does not give it when the runner asks for it (actions/runner #4728).
func TestDropped(t *testing.T) {
	r := run(t, folder(t, map[string]string{name("Runner", 0): records(append([]string{
		"11:00:00 Listener: Version: 2.337.0",
		"11:00:01 BrokerMessageListener: Acknowledging runner request '" + jobB + "'.",
		"11:00:01 Runner: Skipping message Job. Job message not found '" + jobB + "'. job was canceled",
		"11:00:02 BrokerMessageListener: Acknowledging runner request 'cccccccc-2377-5230-9563-f043505754b8'.",
		"11:00:02 Runner: [builds] Skipping message Job. MissingKey",
	}, dispatch(jobA, 100, 10, 40, 100)...)...)}))
	if want := (Totals{Jobs: 1, Dropped: 2}); r.Totals != want || !strings.HasPrefix(r.Verdict, "No: ") {
		t.Errorf("%+v, want %+v, %s", r.Totals, want, r.Verdict)
	}
}

// TestAlreadyExists: what a killed Worker left in _diag/pages makes the same job fail when it comes again.
func TestAlreadyExists(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Runner", 0): records(dispatch(jobA, 100, 0, 40, 102)...),
		name("Worker", 0): workerLines(jobA, 0, 40, "11:00:02 Worker: System.IO.IOException: The file '/home/r/_diag/pages/6f2b_1.log' already exists."),
	}))
	if want := (Totals{Jobs: 1, Exists: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
}

// TestBackgroundSteps: since 2.335 several steps of a job run at once. A missing file is that of the step whose process
// ended last, not of the one that began last; and each has seven command files since 2.336.
func TestBackgroundSteps(t *testing.T) {
	process := func(pid, file string) []string {
		return []string{
			"11:00:35 StepsRunner: Processing step: DisplayName='" + file + "'",
			"11:00:35 ProcessInvokerWrapper:   File name: '/usr/bin/" + file + "'",
			"11:00:35 ProcessInvokerWrapper: Process started with process id " + pid + ", waiting for process exit.",
		}
	}
	finished := func(pid string) string {
		return "11:01:10 ProcessInvokerWrapper: Finished process " + pid + " with exit code 1, and elapsed time 00:00:35."
	}
	lines := append(append(process("301", "first"), process("302", "second")...), process("303", "third")...)
	lines = append(lines, finished("302"),
		"11:01:10 ExecutionContext: Missing file at path: "+temp+"/_runner_file_commands/artifacts_list_b0988204-d5c8",
		finished("301"),
		"11:01:11 ExecutionContext: Missing file at path: "+temp+"/_runner_file_commands/artifacts_a0988204-d5c8")
	r := run(t, folder(t, map[string]string{
		name("Worker", 0):  workerLines(jobA, 0, 60),
		name("Worker", 30): strings.Replace(workerLines(jobB, 30, 90, lines...), "finish: Succeeded", "finish: Failed", 1),
	}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1}); r.Totals != want {
		t.Fatalf("%+v, want %+v", r.Totals, want)
	}
	var rows []string
	for _, row := range r.Incidents[0].Timeline {
		rows = append(rows, row.Text)
	}
	all := strings.Join(rows, "\n")
	for _, want := range []string{
		"created artifacts_list_b0988204… and starts second (PID 302)", "step second fails: Missing file at path",
		"created artifacts_a0988204… and starts first (PID 301)", "step first fails: Missing file at path",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no row says %q:\n%s", want, all)
		}
	}
	if strings.Contains(all, "third") {
		t.Errorf("the third step missed nothing:\n%s", all)
	}
}
