package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestWorkerGetsItsMessage: a start that becomes the Worker leaves the message to it, even if that is a child.
func TestWorkerGetsItsMessage(t *testing.T) {
	testkit.RequireRoot(t)
	for who, as := range listenerUsers(t) {
		for _, settings := range [][]string{nil, {"USERNS=1"}, {"FALLBACK=run"}, {"ISOLATE=overlap"}} {
			if who == "bare" && settings == nil {
				continue // it is refused
			}
			t.Run(who+"/"+strings.Join(settings, ","), func(t *testing.T) {
				s := ordinary(t, as.shim)
				worker := filepath.Join(filepath.Dir(s.worker), runner.RealWorkerName)
				must(t, os.Remove(worker))
				must(t, standin.WriteWorker(worker, s.testProgram(t)))
				job := standin.Job{Padding: 100_000, Steps: []standin.Step{{Name: "step", Run: "true"}}}
				r := dispatch(t, s.listener(t, as.sys, settings...), job).Wait()
				if r.Code != standin.Succeeded.ExitCode() || r.State != standin.Completed || strings.Contains(r.Kept, "refused") {
					t.Errorf("the job is %v after exit code %d (%v); the Worker wrote %q", r.State, r.Code, r.Err, r.Kept)
				}
			})
		}
	}
}

// byHand starts a program that has the end of a pipe with a message as descriptor 3. It returns how much of that is
// left.
func byHand(t *testing.T, argv0 string, args ...string) (left, code int) {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	defer read.Close()
	defer write.Close()
	_, err = write.Write(make([]byte, 8))
	must(t, err)
	cmd := exec.Command(testkit.Binary(t), args...)
	cmd.Args[0] = argv0
	cmd.ExtraFiles = []*os.File{read}
	_ = cmd.Run()
	left, err = unix.IoctlGetInt(int(read.Fd()), unix.TIOCINQ)
	must(t, err)
	return left, cmd.ProcessState.ExitCode()
}

// TestByHandReadsNothing: only a Worker's start has a message to take.
func TestByHandReadsNothing(t *testing.T) {
	worker := []string{"Runner.Worker", "spawnclient", "3", "4"}
	for _, args := range [][]string{
		append([]string{"--temp", "/proc/none", "--"}, worker...),
		append([]string{"--runner-root", "/none", "--"}, worker...),
		append([]string{"run", "--temp", "/proc/none", "--"}, worker...),
		{"spawnclient", "3", "4"},
	} {
		if left, code := byHand(t, "worker-wrap", args...); left != 8 || code != 125 {
			t.Errorf("%q: exit code %d, and %d bytes are left", args, code, left)
		}
	}
	if left, code := byHand(t, "worker-wrap-inner", "3", "4"); left != 8 || code != 125 {
		t.Errorf("the inner process: exit code %d, and %d bytes are left", code, left)
	}
	if left, code := byHand(t, "/r/bin/Runner.Worker", "-c", "true"); left != 8 || code != 125 {
		t.Errorf("a Worker's name alone: exit code %d, and %d bytes are left", code, left)
	}
	if left, code := byHand(t, "/r/bin/Runner.Worker", worker[1:]...); left != 0 || code != 125 {
		t.Errorf("a Worker: exit code %d, and %d bytes are left", code, left)
	}
}

// TestNoMessage: a start that is refused ends with its Listener, and 25 s after it began where the Listener says nothing;
// a wait for other Workers is part of that time.
func TestNoMessage(t *testing.T) {
	testkit.RequireRoot(t)
	begin := func(t *testing.T, s scratch, settings ...string) (c *start, listener *os.File) {
		read, write, err := os.Pipe()
		must(t, err)
		c = command(settings, s.worker, "spawnclient", "3", "4")
		c.ExtraFiles = []*os.File{read}
		must(t, c.Start())
		read.Close()
		t.Cleanup(func() { write.Close(); c.end(t) })
		return c, write
	}
	t.Run("no Listener", func(t *testing.T) {
		c, listener := begin(t, ordinary(t, testkit.Binary(t)), "LOG=1")
		takesOrEnds(t, c.Process.Pid)
		listener.Close()
		if code := c.end(t); code != 125 {
			t.Errorf("exit code %d", code)
		}
		oneLine(t, c.err.String(), "WORKER_WRAP_LOG")
	})
	for _, settings := range [][]string{{"LOG=1"}, {"FALLBACK=wait"}} {
		t.Run(settings[0], func(t *testing.T) {
			t.Parallel()
			s := ordinary(t, testkit.Binary(t))
			if settings[0] == "FALLBACK=wait" { // 20 s
				noStore(t, s)
				s.unwrapped(t)
			}
			began := time.Now()
			c, _ := begin(t, s, settings...)
			code := c.end(t)
			if took := time.Since(began); code != 125 || took < 24*time.Second || took > time.Minute {
				t.Errorf("exit code %d after %v", code, took)
			}
			oneLine(t, c.err.String())
		})
	}
}
