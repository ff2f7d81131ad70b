package audit

import (
	"fmt"
	"strings"
	"testing"
)

const (
	jobA = "aaaaaaaa-82dd-5f8b-a498-a9859d5322d2"
	jobB = "bbbbbbbb-2377-5230-9563-f043505754b8"
	temp = "/home/r/_work/_temp"
)

// workerLines are the records of a whole job, from second `from` of 11:00 to `to`.
func workerLines(job string, from, to int, extra ...string) string {
	at := func(s int) string { return fmt.Sprintf("11:%02d:%02d ", s/60, s%60) }
	lines := append([]string{
		at(from) + "HostContext: No proxy settings were found based on environmental variables (http_proxy/https_proxy/HTTP_PROXY/HTTPS_PROXY)",
		at(from) + "Worker: Version: 2.333.1",
		at(from) + "Worker: Waiting to receive the job message from the channel.",
		at(from) + "Worker: Job message:",
		" {", `  "fileTable": [`, "  ]", " }",
		at(from+1) + "JobRunner: Job ID " + job,
		at(from+1) + "HostContext: Well known directory 'Temp': '" + temp + "'",
		at(from+1) + "JobRunner: Getting job extension.",
	}, extra...)
	return records(append(lines,
		at(to)+"JobRunner: Job result after all job steps finish: Succeeded",
		at(to)+"TempDirectoryManager: Cleaning runner temp folder: "+temp,
		at(to)+"Worker: Job completed.")...)
}

func name(kind string, s int) string {
	return fmt.Sprintf("%s_20260420-11%02d%02d-utc.log", kind, s/60, s%60)
}

// dispatch are a Listener's records around one Worker.
func dispatch(job string, pid, from, to, code int) []string {
	at := func(s int) string { return fmt.Sprintf("11:%02d:%02d ", s/60, s%60) }
	return []string{
		at(from) + "JobDispatcher: Job request 0 for plan 93b2502b-9a4c-460a-8f49-4ae31685f3a7 job " + job + " received.",
		at(from) + "Terminal: WRITE LINE: 2026-04-20 11:00:00Z: Running job: build (" + job[:1] + ")",
		at(from) + "JobDispatcher: Start renew job request 0 for job " + job + ".",
		at(from) + "JobDispatcher: Successfully renew job " + job + ", job is valid till 04/20/2026 11:10:00",
		at(from) + "ProcessInvokerWrapper: Starting process:",
		at(from) + "ProcessInvokerWrapper:   File name: '/home/r/bin.2.333.1/Runner.Worker'",
		at(from) + "ProcessInvokerWrapper:   Arguments: 'spawnclient 160 164'",
		at(from) + fmt.Sprintf("ProcessInvokerWrapper: Process started with process id %d, waiting for process exit.", pid),
		at(from) + "JobDispatcher: Send job request message to worker for job " + job + ".",
		at(to) + fmt.Sprintf("ProcessInvokerWrapper: Finished process %d with exit code %d, and elapsed time 00:00:22.9692284.", pid, code),
		at(to) + fmt.Sprintf("JobDispatcher: Worker finished for job %s. Code: %d", job, code),
		at(to) + "JobDispatcher: finish job request for job " + job + " with result: Succeeded",
	}
}

func TestJobsInTurnAreNoIncident(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Runner", 0):  records(append(append([]string{"11:00:00 Listener: Version: 2.333.1"}, dispatch(jobA, 100, 10, 40, 100)...), dispatch(jobB, 200, 40, 60, 100)...)...),
		name("Worker", 11): workerLines(jobA, 11, 40),
		name("Worker", 40): workerLines(jobB, 40, 60),
	}))
	if r.Totals != (Totals{Jobs: 2}) || r.Found() || !strings.HasPrefix(r.Verdict, "No") || r.Skipped.Any() {
		t.Errorf("%+v, %s, skipped %+v", r.Totals, r.Verdict, r.Skipped)
	}
	for _, l := range r.lives {
		if l.PID == 0 || l.Log == nil || l.Version != "2.333.1" || l.Exit() != 100 || !strings.HasPrefix(l.Name, "build (") {
			t.Errorf("the two logs of %s were not joined: %+v", l.Job, l)
		}
	}
}

// TestOrphan is a Worker that outlived its Listener (OOM kill, crash), with the next one's Worker beside it.
func TestOrphan(t *testing.T) {
	failing := "11:02:10 ProcessInvokerWrapper: Starting process:"
	r := run(t, folder(t, map[string]string{
		name("Runner", 0):  records(append([]string{"11:00:00 Listener: Version: 2.336.0"}, dispatch(jobA, 100, 10, 0, 0)[:9]...)...),
		name("Runner", 60): records(append([]string{"11:01:00 Listener: Version: 2.336.0"}, dispatch(jobB, 200, 61, 140, 102)...)...),
		name("Worker", 11): workerLines(jobA, 11, 100),
		name("Worker", 62): workerLines(jobB, 62, 140, failing,
			"11:02:10 ProcessInvokerWrapper:   File name: '/usr/bin/bash'",
			"11:02:10 ProcessInvokerWrapper:   Arguments: '-e "+temp+"/x.sh'",
			"11:02:10 ProcessInvokerWrapper: Process started with process id 300, waiting for process exit.",
			"11:02:11 ProcessInvokerWrapper: Finished process 300 with exit code 1, and elapsed time 00:00:01.",
			"11:02:11 ExecutionContext: Publish step telemetry for current step {",
			`  "action": "",`, `  "errorMessages": [`,
			`    "bash: `+temp+`/x.sh: No such file or directory"`, "  ]", "}"),
	}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1, Failed: 1}); r.Totals != want {
		t.Fatalf("%+v, want %+v", r.Totals, want)
	}
	i := r.Incidents[0]
	if i.A.PID != 100 || i.B.PID != 200 || i.Seconds != 39 || i.A.Cancelled {
		t.Errorf("%+v", i)
	}
	last := i.overlap.b.Failures[0]
	if last.Path != temp+"/x.sh" || last.Process.PID != 300 || last.Process.What != "bash" {
		t.Errorf("failure %+v", last)
	}
}

// TestVersion2336Waits: the Listener cancels and waits, so nothing overlaps.
func TestVersion2336Waits(t *testing.T) {
	a, b := dispatch(jobA, 100, 10, 50, 103), dispatch(jobB, 200, 50, 90, 100)
	forced := []string{
		"11:00:30 JobDispatcher: Job request 0 for plan 93b2502b-9a4c-460a-8f49-4ae31685f3a7 job " + jobB + " received.",
		"11:00:30 JobDispatcher: We are not yet checking the state of jobrequest " + jobA + " status. Cancel running worker right away.",
		"11:00:30 JobDispatcher: Send job cancellation message to worker for job " + jobA + ".",
	}
	lines := append(append(append(a[:9:9], forced...), a[9:]...), b[1:]...)
	r := run(t, folder(t, map[string]string{
		name("Runner", 0):  records(lines...),
		name("Worker", 10): workerLines(jobA, 10, 50),
		name("Worker", 51): workerLines(jobB, 51, 90),
	}))
	if want := (Totals{Jobs: 2, Cancelled: 1, Held: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
}

// TestOldProtocol has the records of runners before the run service (2.160 to 2.30x): requests with numbers.
func TestOldProtocol(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Runner", 0): records(
			"11:00:10 JobDispatcher: Job request 77 for plan 93b2502b-9a4c-460a-8f49-4ae31685f3a7 job "+jobA+" received.",
			"11:00:11 JobDispatcher: Successfully renew job request 77, job is valid till 04/20/2026 11:10:00",
			"11:00:11 ProcessInvokerWrapper:   File name: 'C:\\runner\\bin\\Runner.Worker.exe'",
			"11:00:11 ProcessInvokerWrapper: Process started with process id 100, waiting for process exit.",
			"11:00:11 JobDispatcher: Send job request message to worker for job "+jobA+".",
			"11:00:40 JobDispatcher: Successfully renew job request 77, job is valid till 04/20/2026 11:11:00",
			"11:00:50 JobDispatcher: Job request 78 for plan 93b2502b-9a4c-460a-8f49-4ae31685f3a7 job "+jobB+" received.",
			"11:00:50 JobDispatcher: Received job request while previous job "+jobA+" still running on worker. Cancel the previous job since the job request have been finished on server side with result: Canceled.",
			"11:00:50 JobDispatcher: Send job cancellation message to worker for job "+jobA+".",
			"11:00:51 ProcessInvokerWrapper:   File name: 'C:\\runner\\bin\\Runner.Worker.exe'",
			"11:00:51 ProcessInvokerWrapper: Process started with process id 200, waiting for process exit.",
			"11:00:51 JobDispatcher: Send job request message to worker for job "+jobB+".",
			"11:01:10 JobDispatcher: Worker finished for job "+jobA+". Code: 103",
			"11:01:30 JobDispatcher: Worker finished for job "+jobB+". Code: 100"),
	}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cancelled: 1}); r.Totals != want {
		t.Fatalf("%+v, want %+v", r.Totals, want)
	}
	var kinds []string
	for _, row := range r.Incidents[0].Timeline {
		kinds = append(kinds, row.Kind)
	}
	if got := strings.Join(kinds, " "); got != "start renewed received cancel spawned end end" {
		t.Errorf("rows: %s", got)
	}
	if renewed := r.Incidents[0].Timeline[1]; renewed.Time.Second() != 40 || !strings.Contains(renewed.Text, "11:11:00") {
		t.Errorf("not the last renewal: %+v", renewed)
	}
}

// TestStartEmptiesTheOther: Job B's start deletes what Job A's last steps still use.
func TestStartEmptiesTheOther(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Worker", 0): workerLines(jobA, 0, 60,
			"11:00:40 Runner: Unhandled exception: System.IO.FileNotFoundException: Could not find file '"+temp+"/_github_workflow/event.json'."),
		name("Worker", 30): workerLines(jobB, 30, 50),
	}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, Harmed: 1}); r.Totals != want {
		t.Fatalf("%+v, want %+v", r.Totals, want)
	}
	if i := r.Incidents[0]; i.A.Harm != Certain || i.B.Harm != NoHarm {
		t.Errorf("harm %s and %s", i.A.Harm, i.B.Harm)
	}
}

func TestPossibleHarm(t *testing.T) {
	failed := strings.Replace(workerLines(jobB, 30, 90), "finish: Succeeded", "finish: Failed", 1)
	r := run(t, folder(t, map[string]string{
		name("Worker", 0): workerLines(jobA, 0, 60), name("Worker", 30): failed,
	}))
	if want := (Totals{Jobs: 2, Overlaps: 1, Cleanups: 1, PossiblyHarmed: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
	if !strings.HasPrefix(r.Verdict, "Perhaps") {
		t.Error(r.Verdict)
	}
}

func TestMissingFileWithoutOverlap(t *testing.T) {
	r := run(t, folder(t, map[string]string{
		name("Worker", 0): workerLines(jobA, 0, 60, "11:00:30 X: ENOENT: no such file or directory, open '"+temp+"/y'"),
	}))
	if want := (Totals{Jobs: 1, Unexplained: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
}

// TestKilledWorker: a Worker that is killed does not clean up.
func TestKilledWorker(t *testing.T) {
	a := workerLines(jobA, 0, 60)
	a = a[:strings.Index(a, "[2026-04-20 11:01:00Z")] + records("11:00:55 JobServerQueue: Try to append 1 batches")
	r := run(t, folder(t, map[string]string{name("Worker", 0): a, name("Worker", 30): workerLines(jobB, 30, 90)}))
	if want := (Totals{Jobs: 2, Overlaps: 1}); r.Totals != want {
		t.Errorf("%+v, want %+v", r.Totals, want)
	}
	if i := r.Incidents[0]; !strings.Contains(i.Timeline[len(i.Timeline)-2].Text, "do not tell how it ended") {
		t.Errorf("%+v", i.Timeline)
	}
}

// TestJobThatComesTwice: a killed Worker that opened its log late, on a busy machine, is not taken for the same job's
// next Worker. That began a second later.
func TestJobThatComesTwice(t *testing.T) {
	killed := strings.ReplaceAll(workerLines(jobA, 2, 4), "11:00:02", "11:00:03")
	r := run(t, folder(t, map[string]string{
		name("Runner", 0): records(append(append([]string{"11:00:00 Listener: Version: 2.333.1"}, dispatch(jobA, 100, 0, 3, 137)...), dispatch(jobA, 200, 4, 20, 100)...)...),
		name("Worker", 3): killed[:strings.Index(killed, "[2026-04-20 11:00:04Z")],
		name("Worker", 4): workerLines(jobA, 4, 20),
	}))
	if r.Totals != (Totals{Jobs: 2}) || r.lives[0].Log == nil || r.lives[0].End.When >= r.lives[1].Start.When {
		t.Errorf("%+v\n%+v\n%+v", r.Totals, r.lives[0], r.lives[1])
	}
}
