package standin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestBackground: several steps run at once, each with its own command files, seven of them since 2.336. What they set counts
// once they have been waited for.
func TestBackground(t *testing.T) {
	for version, files := range map[string]string{"2.335.1": "10", "2.336.0": "14"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			root := newRoot(t, standin.RootOptions{Version: version})
			l := newListener(t, root)
			l.Scale = 1
			both := func(name string) string {
				return `until [ "$(ls "$RUNNER_TEMP/_runner_file_commands" | wc -l)" = ` + files + " ] || [ -e '" + root.Dir + "/both' ]; do sleep 0.02; done\n" +
					": >'" + root.Dir + "/both'\necho " + name + `=1 >>"$GITHUB_ENV"`
			}
			w := start(t, l, steps(
				standin.Step{Name: "one", Background: true, Run: both("ONE")},
				standin.Step{Name: "two", Background: true, Run: both("TWO")},
				standin.Step{Name: "all", WaitAll: true},
				standin.Step{Name: "after", Run: `test "$ONE$TWO" = 11` + "\n" + `test "${GITHUB_ARTIFACTS_LIST:+seven}" = "` + map[string]string{"10": "", "14": "seven"}[files] + `"`},
			))
			expect(t, w, 100)
			inOrder(t, logs(t, root, "Worker"), "Background step 'one' queued", "Step result: Succeeded", "Processing step: DisplayName='after'")
		})
	}
}

// TestBackgroundFails: a background step that nobody waits for fails the job at its end.
func TestBackgroundFails(t *testing.T) {
	root := newRoot(t, standin.RootOptions{Version: "2.336.0"})
	w := start(t, newListener(t, root), steps(
		standin.Step{Name: "fails", Background: true, Run: "exit 3"},
		standin.Step{Name: "goes on", Run: "touch '" + root.Dir + "/went-on'"},
	))
	expect(t, w, 102)
	if _, err := os.Stat(root.Dir + "/went-on"); err != nil {
		t.Error(err)
	}
}

// TestAlreadyExists: what a killed Worker left in _diag/pages makes its job fail when it comes again.
func TestAlreadyExists(t *testing.T) {
	root := newRoot(t, standin.RootOptions{Version: "2.336.0"})
	l := newListener(t, root)
	job := standin.Job{ID: "11111111-2222-4333-8444-555555555555", Name: "comes twice", Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}}
	w := start(t, l, job)
	testkit.Await(t, "a file of the job's blocks", func() bool {
		left, _ := filepath.Glob(filepath.Join(root.Diag, "blocks", job.ID+"*"))
		return len(left) > 0
	})
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	w.Wait()
	job.Steps[0].Sleep = 0
	expect(t, start(t, l, job), 102)
	inOrder(t, logs(t, root, "Worker"), "Caught exception from step: System.IO.IOException: The file '"+root.Diag+"/pages/"+job.ID, "already exists.")
	if left, _ := filepath.Glob(filepath.Join(root.Diag, "pages", "*")); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

// TestForgotten: a Worker whose job the service does not know any more crashes at its end, after it has emptied _temp.
func TestForgotten(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	w := start(t, newListener(t, root), standin.Job{Forgotten: true, Steps: []standin.Step{{Name: "short", Run: "true"}}})
	if r := expect(t, w, 1); !strings.Contains(r.Kept, "TaskOrchestrationJobNotFoundException: Job not found: "+w.Job.ID) {
		t.Errorf("it said %q", r.Kept)
	}
	inOrder(t, logs(t, root, "Worker"), "Cleaning runner temp folder", "HTTP Status: NotFound", "Job not found: "+w.Job.ID)
}

// TestDrop: no Worker is started for a job that the service does not give.
func TestDrop(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	if err := newListener(t, root).Drop(standin.Job{ID: "11111111-2222-4333-8444-555555555555"}); err != nil {
		t.Fatal(err)
	}
	inOrder(t, logs(t, root, "Runner"), "Acknowledging runner request '11111111-", "INFO Runner] Skipping message Job. ")
	if all, _ := filepath.Glob(filepath.Join(root.Diag, "Worker_*")); len(all) > 0 {
		t.Errorf("%v", all)
	}
}
