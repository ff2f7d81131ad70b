package standin_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const stubborn = "trap '' INT TERM; echo $$ >pid; sleep 300; echo survived >&2"

// TestCancel: a cancelled job is asked twice, then killed with all its processes, and its Worker goes on
// for the Teardown before it empties _temp.
func TestCancel(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	l := newListener(t, root)
	l.Scale = 0.02
	var interrupt, cleanup time.Time
	l.Trace = func(r standin.Record) {
		switch {
		case strings.HasPrefix(r.Message, "Sending SIGINT to process"):
			interrupt = r.Time
		case strings.HasPrefix(r.Message, "Cleaning runner temp folder"):
			cleanup = r.Time
		}
	}
	w := start(t, l, standin.Job{Name: "slow", Teardown: 5 * time.Second, Steps: []standin.Step{
		{Name: "stubborn", Run: stubborn}, {Name: "after", Run: "echo ran >ran"},
	}})
	pid := readPID(t, filepath.Join(root.Work, "example/example/pid"))
	if err := w.Cancel(); err != nil {
		t.Fatal(err)
	}
	expect(t, w, 103)
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("the step's process %d is still there (%v)", pid, err)
	}
	if took := cleanup.Sub(interrupt); took < 300*time.Millisecond { // 15 s, scaled
		t.Errorf("_temp was emptied %v after SIGINT", took)
	}
	if _, err := os.Stat(filepath.Join(root.Work, "example/example/ran")); err == nil {
		t.Error("the step after the cancelled one ran")
	}
	inOrder(t, logs(t, root, "Worker"),
		"INFO Worker] Cancellation/Shutdown message received.",
		"INFO ProcessInvokerWrapper] Waiting for process exit or 7.5 seconds after SIGINT signal fired.",
		"INFO ProcessInvokerWrapper] Waiting for process exit or 2.5 seconds after SIGTERM signal fired.",
		"INFO ProcessInvokerWrapper] Process Cancellation finished.",
		"Job result after all job steps finish: Canceled",
		"INFO TempDirectoryManager] Cleaning runner temp folder: "+root.Temp,
	)
	inOrder(t, logs(t, root, "Runner"), "Send job cancellation message to worker for job "+w.Job.ID, "with exit code 103", "with result: Canceled")
}

// TestPolite: a step that ends on SIGINT, and a Worker told that the runner stops.
func TestPolite(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	l := newListener(t, root)
	l.Scale = 1
	job := steps(standin.Step{Name: "polite", Run: "trap 'exit 0' INT; echo $$ >pid; while :; do sleep 0.02; done"})
	pidFile := filepath.Join(root.Work, "example/example/pid")
	w := start(t, l, job)
	readPID(t, pidFile)
	if err := w.Shutdown(); err != nil {
		t.Fatal(err)
	}
	expect(t, w, 102) // the runner's end is a failure, a cancel is not
	log := logs(t, root, "Worker")
	inOrder(t, log, "SIGINT", "Process exit successfully.")
	if strings.Contains(log, "SIGTERM") {
		t.Error("a step that ended on SIGINT got SIGTERM too")
	}
}

// TestKill: SIGKILL reaches one process, and the pipes end though its step lives.
func TestKill(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	w := start(t, newListener(t, root), steps(standin.Step{Name: "stubborn", Run: stubborn}))
	pid := readPID(t, filepath.Join(root.Work, "example/example/pid"))
	defer killGroupOf(pid)
	if err := w.Kill(); err != nil {
		t.Fatal(err)
	}
	r := expect(t, w, -1)
	if r.Signal != unix.SIGKILL {
		t.Errorf("ended by %v", r.Signal)
	}
	if err := unix.Kill(pid, 0); err != nil {
		t.Errorf("the step's process ended with its Worker: %v", err)
	}
	inOrder(t, logs(t, root, "Runner"), "Code: 137", "Return code 137 indicate worker encounter an unhandled exception")
}

// killGroupOf ends a shell that a Worker left and the sleep it runs.
func killGroupOf(pid int) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	_ = unix.Kill(pid, unix.SIGKILL)
	for _, f := range strings.Fields(string(children)) {
		var child int
		if _, err := fmt.Sscan(f, &child); err == nil {
			_ = unix.Kill(child, unix.SIGKILL)
		}
	}
}

func readPID(t *testing.T, path string) (pid int) {
	t.Helper()
	testkit.Await(t, "a PID in "+path, func() bool {
		data, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		n, err := fmt.Sscanln(string(data), &pid)
		return n == 1 && err == nil
	})
	return pid
}

// TestOrphans: what a step left running ends with the job, but for what has no part in it.
func TestOrphans(t *testing.T) {
	root := newRoot(t, standin.RootOptions{})
	// In the midst of an execve(2) a process has no environment to see.
	run := `nohup sleep 300 >/dev/null 2>&1 & echo $! >tracked
		RUNNER_TRACKING_ID= nohup sleep 300 >/dev/null 2>&1 & echo $! >other
		for pid in $(cat tracked other); do
			until tr '\0' '\n' <"/proc/$pid/cmdline" | head -n 1 | grep -qx sleep; do sleep 0.01; done
		done`
	expect(t, start(t, newListener(t, root), steps(standin.Step{Name: "leave", Run: run})), 100)
	tracked := readPID(t, filepath.Join(root.Work, "example/example/tracked"))
	other := readPID(t, filepath.Join(root.Work, "example/example/other"))
	defer unix.Kill(other, unix.SIGKILL)
	testkit.Await(t, "the end of what the Worker tracks", func() bool { return gone(tracked) })
	if gone(other) {
		t.Error("a process without the job's RUNNER_TRACKING_ID was ended")
	}
}

// gone reports whether a process has ended; a machine without an init keeps zombies.
func gone(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(data), ") Z ")
}

// TestCrash: what a Worker writes is shown only if its exit code is none of a job's results.
func TestCrash(t *testing.T) {
	for name, c := range map[string]struct {
		script, shown string
		code          int
	}{
		"crash":  {"echo '[WORKER dropped'; echo kept; echo '[WORKER kept' >&2; exit 125", "kept\n[WORKER kept", 125},
		"result": {"echo not shown; exit 105", "", 105},
		"past":   {"echo shown; exit 106", "shown", 106},
	} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t, standin.RootOptions{})
			write(t, filepath.Join(root.Bin, "Runner.Worker"), "#!/bin/sh\n"+takeMessage+c.script+"\n")
			l := newListener(t, root)
			l.Handles = [2]int{9, 8}
			r := expect(t, start(t, l, steps()), c.code)
			lines, want := strings.Split(r.Shown, "\n"), strings.Split(c.shown, "\n")
			slices.Sort(lines)
			slices.Sort(want)
			if !slices.Equal(lines, want) {
				t.Errorf("shown: %q, want %q", r.Shown, c.shown)
			}
		})
	}
	t.Run("worker", func(t *testing.T) {
		root := newRoot(t, standin.RootOptions{})
		w := start(t, newListener(t, root), steps())
		expect(t, w, 100)
		if err := os.Remove(filepath.Join(root.Dir, ".runner")); err != nil {
			t.Fatal(err)
		}
		if r := expect(t, start(t, newListener(t, root), steps()), 1); !strings.Contains(r.Kept, ".runner") { // too early to be shown, most times
			t.Errorf("a Worker without .runner wrote %q", r.Kept)
		}
	})
}

// takeMessage reads the job's message from descriptor 9, as a Worker does.
const takeMessage = "n=$(head -c 8 <&9 | od -A n -t d4 -j 4); head -c $n <&9 >/dev/null\n"

// TestLimits: a Worker that does not read its job in 30 s is killed, and one that gets none ends.
func TestLimits(t *testing.T) {
	t.Parallel()
	idle := newRoot(t, standin.RootOptions{})
	cmd := newSilentWorker(t, idle)
	root := newRoot(t, standin.RootOptions{})
	write(t, filepath.Join(root.Bin, "Runner.Worker"), "#!/bin/sh\nexec sleep 300\n")
	l := newListener(t, root)
	short := steps()
	w := start(t, l, short) // fits into the pipe
	long := steps()
	long.Padding = 40_000 // 80,000 bytes of UTF-16
	stuck := start(t, l, long)
	if r := expect(t, stuck, -1); r.Signal != unix.SIGKILL || r.Err == nil || r.State != standin.Dropped {
		t.Errorf("the Worker that does not read ended by %v (%v), its job is %v", r.Signal, r.Err, r.State)
	}
	select {
	case <-w.Done():
		t.Error("the Worker whose message fits into the pipe ended")
	default:
	}

	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("a Worker without a job: %v", err)
	}
	inOrder(t, logs(t, idle, "Worker"), "Waiting to receive the job message", "ERR  Worker] ", "OperationCanceledException")
}

// TestHeld: it shows when somebody keeps a Worker's pipes.
func TestHeld(t *testing.T) {
	t.Parallel()
	root := newRoot(t, standin.RootOptions{})
	write(t, filepath.Join(root.Bin, "Runner.Worker"), "#!/bin/sh\nsleep 300 >/dev/null & echo $!\nexit 100\n")
	r := start(t, newListener(t, root), steps()).Wait()
	var pid int
	if _, err := fmt.Sscan(r.Kept, &pid); err != nil {
		t.Fatal(err)
	}
	defer unix.Kill(pid, unix.SIGKILL)
	if !slices.Equal(r.Held, []string{"stderr", "pipe"}) {
		t.Errorf("held: %v", r.Held)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	testkit.WriteProgram(t, path, []byte(text))
}
