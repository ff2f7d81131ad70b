package standin_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestJob runs a job that uses every kind of step and looks at what it did, in each kind of runner.
func TestJob(t *testing.T) {
	for name, o := range map[string]standin.RootOptions{
		"link":     {Version: "2.336.0", WorkFolder: "orgs_example_work"},
		"folder":   {Folder: true},
		"absolute": {WorkFolder: filepath.Join(testkit.Dir(t), "data", "work")},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, o)
			l := newListener(t, root)
			l.Scale = 1 // the job is long, and a Listener that takes the time given to send it for a hundredth ends the Worker
			var seen []string
			l.Trace = func(r standin.Record) { seen = append(seen, r.Message) }
			if err := os.WriteFile(filepath.Join(root.Dir, ".env"), []byte("FROM_ENV_FILE=1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, old := range []string{"_temp/old/file", "_actions/old/file"} {
				path := filepath.Join(root.Work, old)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			report := filepath.Join(root.Dir, "report")
			w := start(t, l, standin.Job{Name: "all kinds", Padding: 300_000, Steps: []standin.Step{
				{Name: "script", Run: `exec >` + report + `
					test -f "$GITHUB_EVENT_PATH" && test -d "$RUNNER_TEMP/_github_home" && echo event
					for f in OUTPUT ENV PATH STATE STEP_SUMMARY; do eval 'test -f "$GITHUB_'$f'" && basename "$(dirname "$GITHUB_'$f'")"'; done
					ls "$RUNNER_TEMP" | grep -c '^[0-9a-f-]*\.sh$'
					echo "$FROM_ENV_FILE$CI$GITHUB_ACTIONS"
					until [ "$(cat /proc/$$/oom_score_adj)" = 500 ]; do sleep 0.01; done # it is set when the step runs
					cat /proc/$$/oom_score_adj
					for n in 160 164; do test ! -e /proc/$$/fd/$n || echo "pipe $n leaked"; done
					ls "$RUNNER_WORKSPACE/../_actions"
					printf 'LATER=one<<two\n' >>"$GITHUB_ENV"; printf 'BLOCK<<END\na\nb\nEND\n' >>"$GITHUB_ENV"
					echo /opt/added >>"$GITHUB_PATH"`},
				{Name: "output", Output: "name=value", Sleep: 10 * time.Millisecond},
				{Name: "action", Uses: "example/action@v1", Script: standin.SetOutput("it's", "v") +
					`echo "$LATER $BLOCK ${PATH%%:*} $0" >>` + report},
			}})
			expect(t, w, 100)
			got, err := os.ReadFile(report)
			if err != nil {
				t.Fatal(err)
			}
			want := "event\n" + strings.Repeat("_runner_file_commands\n", 5) + "1\n1truetrue\n500\nexample\n" +
				"one<<two a\nb /opt/added " + filepath.Join(root.Work, "_actions/example/action/v1/dist/index.sh") + "\n"
			if string(got) != want {
				t.Errorf("the steps saw\n%s\nwant\n%s", got, want)
			}
			if left := names(t, root.Temp); len(left) != 0 {
				t.Errorf("_temp has %v", left)
			}
			if left := names(t, filepath.Join(root.Work, "_actions")); len(left) != 1 || left[0] != "example" {
				t.Errorf("_actions has %v", left)
			}
			inOrder(t, strings.Join(seen, "\n"), "Set output name = value", "Set output it's = v")
			checkLogs(t, root, w)
		})
	}
}

// checkLogs looks for what issue 4357 quotes from _diag.
func checkLogs(t *testing.T, root standin.Root, w *standin.Worker) {
	t.Helper()
	log := logs(t, root, "Runner")
	inOrder(t, log,
		"INFO BrokerMessageListener] Acknowledging runner request '"+w.Job.ID+"'.",
		"INFO JobDispatcher] Job request 0 for plan ", " job "+w.Job.ID+" received.",
		"INFO JobDispatcher] Successfully renew job "+w.Job.ID+", job is valid till ",
		"INFO ProcessInvokerWrapper] Starting process:",
		"INFO ProcessInvokerWrapper]   File name: '"+filepath.Join(root.Bin, "Runner.Worker")+"'",
		"INFO ProcessInvokerWrapper]   Arguments: 'spawnclient 160 164'",
		"INFO ProcessInvokerWrapper] Process started with process id "+fmt.Sprint(w.PID)+", waiting for process exit.",
		"INFO JobDispatcher] Send job request message to worker for job "+w.Job.ID+".",
		"INFO JobDispatcher] Worker finished for job "+w.Job.ID+". Code: 100",
		"INFO JobDispatcher] finish job request for job "+w.Job.ID+" with result: Succeeded",
	)
	header := regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ (INFO|ERR |WARN) \w+\] `)
	for line := range strings.Lines(log) {
		if !header.MatchString(line) {
			t.Errorf("not a log's line: %q", line)
		}
	}
	inOrder(t, logs(t, root, "Worker"),
		"INFO Worker] Version: ",
		"INFO Worker] Waiting to receive the job message from the channel.",
		"INFO JobRunner] Job ID "+w.Job.ID,
		"INFO HostContext] Well known directory 'Temp': '"+root.Temp+"'",
		"INFO StepsRunner] Processing step: DisplayName='script'",
		"INFO ProcessInvokerWrapper] Starting process:",
		"INFO StepsRunner] Processing step: DisplayName='action'",
		"INFO JobRunner] Job result after all job steps finish: Succeeded",
		"INFO TempDirectoryManager] Cleaning runner temp folder: "+root.Temp,
		"INFO Worker] Job completed.",
	)
}

// TestFailures: what makes a job fail, with the code and the text that show it.
func TestFailures(t *testing.T) {
	gone := `rm -r "$RUNNER_TEMP/_runner_file_commands"` + "\n"
	for name, c := range map[string]struct {
		step standin.Step
		says string
	}{
		"exit":           {standin.Step{Run: "exit 3"}, "Process completed with exit code 3."},
		"missing":        {standin.Step{Run: gone + standin.SetOutput("a", "b")}, "Missing file at path: "},
		"missing action": {standin.Step{Uses: "a/b@c", Script: gone + standin.SetOutput("a", "b")}, "Missing file at path: "},
		"bad output":     {standin.Step{Run: `echo nothing >"$GITHUB_OUTPUT"`}, "Unable to process file command"},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, standin.RootOptions{})
			c.step.Name = name
			w := start(t, newListener(t, root), steps(c.step, standin.Step{Name: "after", Run: "touch " + root.Dir + "/ran"}))
			r := expect(t, w, 102)
			if r.Shown != "" {
				t.Errorf("a job that failed by itself showed %q", r.Shown)
			}
			inOrder(t, logs(t, root, "Worker"), c.says, "Step result: Failed", "Skipping step", "Job result after all job steps finish: Failed", "Cleaning runner temp folder")
			if _, err := os.Stat(root.Dir + "/ran"); err == nil {
				t.Error("the step after the failed one ran")
			}
		})
	}
}

// TestMissing: the in-process step fails as the toolkit does when another Worker empties _temp.
func TestMissing(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	w := start(t, newListener(t, root), steps(standin.Step{Name: "slow", Output: "a=b", Sleep: 1000 * time.Second}))
	folder := filepath.Join(root.Temp, "_runner_file_commands")
	testkit.Await(t, "a step's five files", func() bool {
		all, err := os.ReadDir(folder)
		return err == nil && len(all) == 5
	})
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	expect(t, w, 102)
	inOrder(t, logs(t, root, "Worker"), "does not exist; skipping attachment upload", `"Missing file at path: `+folder+"/set_output_")
}

// TestActions: that _actions cannot be removed itself fails the job.
func TestActions(t *testing.T) {
	testkit.RequireRoot(t)
	root := newRoot(t, standin.RootOptions{})
	actions := filepath.Join(root.Work, "_actions")
	if err := os.MkdirAll(actions, 0o755); err != nil {
		t.Fatal(err)
	}
	mountOver(t, actions)
	w := start(t, newListener(t, root), steps(standin.Step{Name: "never", Run: "true"}))
	expect(t, w, 102)
	inOrder(t, logs(t, root, "Worker"), "ERR  JobRunner] Job initialize failed.", "System.IO.IOException: Device or resource busy : '"+actions+"'", "Cleaning runner temp folder")
}

// TestTempKept: what cannot be deleted in _temp stays, and the job does not mind; _temp itself stays.
func TestTempKept(t *testing.T) {
	testkit.RequireRoot(t)
	root := newRoot(t, standin.RootOptions{})
	for _, dir := range []string{"a/mount", "b/c", "readonly/x"} {
		if err := os.MkdirAll(filepath.Join(root.Temp, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mountOver(t, filepath.Join(root.Temp, "a/mount"))
	var before unix.Stat_t
	if err := unix.Stat(root.Temp, &before); err != nil {
		t.Fatal(err)
	}
	expect(t, start(t, newListener(t, root), steps(standin.Step{Name: "files", Run: `ln -s / "$RUNNER_TEMP/link"; touch "$RUNNER_TEMP/file"`})), 100)
	var after unix.Stat_t
	if err := unix.Stat(root.Temp, &after); err != nil || after.Ino != before.Ino {
		t.Errorf("_temp was replaced (%v)", err)
	}
	// readonly/x is as long as a/mount and so may go or stay; files and links are gone in any case.
	for _, name := range names(t, root.Temp) {
		if name == "link" || name == "file" {
			t.Errorf("%s was left in _temp", name)
		}
	}
	inOrder(t, logs(t, root, "Worker"), "Cleaning runner temp folder", "ERR  TempDirectoryManager] System.IO.IOException")
}

func mountOver(t *testing.T, dir string) {
	t.Helper()
	if out, err := exec.Command("mount", "-t", "tmpfs", "standin-test", dir).CombinedOutput(); err != nil {
		testkit.Skip(t, "mount: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
}
