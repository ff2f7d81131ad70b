package standin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDispatch: up to 2.335 the second Worker runs beside the cancelled first, from 2.336 after it.
func TestDispatch(t *testing.T) {
	for _, waits := range []bool{false, true} {
		name := map[bool]string{false: "2.335", true: "2.336"}[waits]
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, standin.RootOptions{})
			l := newListener(t, root)
			l.Waits, l.Scale = waits, 0.1
			runsB, mayEnd, endedA := filepath.Join(root.Dir, "b-runs"), filepath.Join(root.Dir, "a-may-end"), filepath.Join(root.Dir, "a-ended")
			jobA := standin.Job{Name: "A", Teardown: 10 * time.Second, Steps: []standin.Step{{Name: "long", Sleep: time.Hour}}}
			if !waits {
				jobA.TeardownUntil = mayEnd
			}
			a, err := l.Dispatch(jobA)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Abort()
			testkit.Await(t, "the last of a step's files", func() bool { // the last of the files that a step gets
				made, err := filepath.Glob(filepath.Join(root.Temp, "_runner_file_commands", "step_summary_*"))
				return err == nil && len(made) == 1
			})
			b, err := l.Dispatch(standin.Job{Name: "B", Steps: []standin.Step{{
				Name: "long", Run: standin.Mark(runsB) + standin.Until(endedA) + standin.SetOutput("a", "b"),
			}}})
			if err != nil {
				t.Fatal(err)
			}
			defer b.Abort()
			over := false
			select {
			case <-a.Done():
				over = true
			default:
			}
			if over != waits {
				t.Errorf("when B was started, A was over: %v", over)
			}
			testkit.Await(t, "B's step", func() bool { _, err := os.Stat(runsB); return err == nil })
			write(t, mayEnd, "")
			expect(t, a, 103)
			write(t, endedA, "")
			codeB := map[bool]int{false: 102, true: 100}[waits]
			expect(t, b, codeB)
			inOrder(t, logs(t, root, "Runner"), "We are not yet checking the state of jobrequest "+a.Job.ID+" status. Cancel running worker right away.",
				"Send job cancellation message to worker for job "+a.Job.ID, "Send job request message to worker for job "+b.Job.ID)
		})
	}
}

// TestProgram: the Worker as a program of its own is known by its file's name.
func TestProgram(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	worker := filepath.Join(root.Bin, "Runner.Worker")
	if err := os.Remove(worker); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", worker, "./cmd/Runner.Worker").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	l := newListener(t, root)
	l.Handles = [2]int{9, 7}
	run := `cat /proc/$PPID/comm >who; readlink /proc/$PPID/exe >>who; readlink /proc/$PPID/cwd >>who; tr '\0' ' ' </proc/$PPID/cmdline >>who`
	expect(t, start(t, l, steps(standin.Step{Name: "who", Run: run})), 100)
	got, err := os.ReadFile(filepath.Join(root.Work, "example/example/who"))
	want := "Runner.Worker\n" + worker + "\n" + root.Bin + "\n" + worker + " spawnclient 9 7 "
	if err != nil || string(got) != want {
		t.Errorf("%q (%v), want %q", got, err, want)
	}
}

// TestAwkwardPath: a program whose path no #! line can name.
func TestAwkwardPath(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	odd := filepath.Join(root.Dir, "it's a folder with blanks")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self(t), filepath.Join(odd, "program")); err != nil {
		t.Fatal(err)
	}
	if err := standin.WriteWorker(filepath.Join(root.Bin, standin.WorkerName), filepath.Join(odd, "program")); err != nil {
		t.Fatal(err)
	}
	expect(t, start(t, newListener(t, root), steps()), 100)
}

// newSilentWorker starts a Worker by hand and sends it nothing.
func newSilentWorker(t *testing.T, root standin.Root) *exec.Cmd {
	t.Helper()
	in, silent, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	back, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(root.Bin, standin.WorkerName), "spawnclient", "3", "4")
	cmd.ExtraFiles = []*os.File{in, out}
	cmd.Env = append(os.Environ(), "STANDIN_SCALE=0.005")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in.Close()
	out.Close()
	t.Cleanup(func() { silent.Close(); back.Close() })
	return cmd
}
