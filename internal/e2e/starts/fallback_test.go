package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const whereAmI = `echo "$WORKER_WRAP_HOST_TEMP"; readlink /proc/self/ns/mnt`

func hostNamespace(t *testing.T) string {
	t.Helper()
	ns, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	return ns
}

// TestStartIsRecorded: each start leaves an event with the time that its parts took.
func TestStartIsRecorded(t *testing.T) {
	s := ordinary(t, capable(t))
	code, out, stderr := s.run(t, whereAmI+"; exit 103")
	if code != 103 || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	e := s.last(t, events.Start)
	host, ns, _ := strings.Cut(strings.TrimSpace(out), "\n")
	if e.Outcome != events.Private || e.Dir != host || !strings.Contains(ns, itoa(e.Namespace)) || e.Job.PID != e.PID || e.Job.Exe != s.worker {
		t.Errorf("event %+v of a start in %q", e, out)
	}
	var names []string
	for _, stage := range e.Stages {
		names = append(names, stage.Name)
	}
	if got := strings.Join(names, " "); got != "folder docker namespace mounts" {
		t.Errorf("stages %q", got)
	}
}

// TestFallbackWithoutPrivilege: what each setting does where isolation cannot work.
func TestFallbackWithoutPrivilege(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	code, out, stderr := s.run(t, whereAmI)
	if code != 125 || out != "" {
		t.Errorf("without a fallback: exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "unshare", "not permitted", "setcap")
	if e := s.last(t, events.Start); e.Outcome != events.Refused || !strings.Contains(e.Error, "unshare") {
		t.Errorf("the event log has %+v", e)
	}
	for _, fallback := range []string{"run", "wait", ""} {
		code, out, stderr := s.run(t, whereAmI, "FALLBACK="+fallback)
		if want := s.temp + "\n" + hostNamespace(t) + "\n"; code != 0 || out != want {
			t.Errorf("%s: exit code %d, %q, want %q", fallback, code, out, want)
		}
		if fallback == "run" {
			oneLine(t, stderr, "WITHOUT", "WORKER_WRAP_FALLBACK=run", "not permitted")
		} else if stderr != "" { // the Listener would show it as the cause if the Worker crashes
			t.Errorf("%s: stderr %q", fallback, stderr)
		}
		if e := s.last(t, events.Fallback); e.Outcome != events.Plain || !strings.Contains(e.Error, "not permitted") {
			t.Errorf("%s: the event log has %+v", fallback, e)
		}
		if e := s.last(t, events.Start); e.Outcome != events.Plain || e.Dir != "" {
			t.Errorf("%s: the event log has %+v", fallback, e)
		}
	}
	if n := len(s.log(t, events.Fallback)); n != 3 {
		t.Errorf("%d fallbacks in the event log, want 3", n)
	}
}

// TestFallbackWaitRefusesBesideAnother: with another Worker alive nothing is started, and the message
// says why.
func TestFallbackWaitRefusesBesideAnother(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	other := s.unwrapped(t)
	code, out, stderr := s.run(t, whereAmI, "FALLBACK=wait", "WAIT=200ms")
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "not permitted", "alive", itoa(other.pid()))
	code, _, stderr = s.run(t, whereAmI, "ISOLATE=overlap")
	if oneLine(t, stderr, "not permitted"); code != 125 || strings.Contains(stderr, "FALLBACK") {
		t.Errorf("with no fallback set: exit code %d, %q", code, stderr)
	}
	if code, _, stderr := s.run(t, "true", "FALLBACK=run"); code != 0 {
		t.Errorf("run: exit code %d, %s", code, stderr)
	}
	other.end(t)
	s.unlocked(t)
	if code, _, stderr := s.run(t, "true", "FALLBACK=wait", "WAIT=200ms"); code != 0 {
		t.Errorf("alone again: exit code %d, %s", code, stderr)
	}
}

// TestFallbackLeavesTheNamespaceBehind: if isolation fails half-way, with mounts made already, the program runs in the
// host's namespace, and not in what was left of the attempt.
func TestFallbackLeavesTheNamespaceBehind(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	s := ordinary(t, testkit.Binary(t))
	// The second move_mount lays the Worker, the first has laid _temp; the probe for a feature comes
	// before both.
	for _, when := range []string{"2", "3"} {
		cmd := exec.Command(strace, "-f", "-o", "/dev/null", "-e", "trace=move_mount", "-e", "inject=move_mount:error=EINVAL:when="+when,
			"--", s.worker, "-c", whereAmI+"; touch "+filepath.Join(s.temp, "mark"))
		cmd.Env = append(os.Environ(), "WORKER_WRAP_FALLBACK=run")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if want := s.temp + "\n" + hostNamespace(t) + "\n"; err != nil || string(out) != want {
			t.Errorf("%v, %q, want %q", err, out, want)
		}
		oneLine(t, stderr.String(), "WITHOUT", "move_mount")
		if err := os.Remove(filepath.Join(s.temp, "mark")); err != nil {
			t.Errorf("the program did not run in the plain _temp: %v", err)
		}
	}
}

// TestFallbackDoesNotHideOtherFaults: a missing Worker is no reason to start one without isolation.
func TestFallbackDoesNotHideOtherFaults(t *testing.T) {
	s := ordinary(t, capable(t))
	if err := os.Remove(filepath.Join(filepath.Dir(s.worker), "Runner.Worker.real")); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := s.run(t, "true", "FALLBACK=run")
	if code != 127 || strings.Contains(stderr, "WITHOUT") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}

// TestBadSettings: a value that makes no sense stops the start with one line.
func TestBadSettings(t *testing.T) {
	s := ordinary(t, capable(t))
	for _, setting := range []string{"WAIT=20", "WAIT=-1s", "FALLBACK=maybe", "ISOLATE=no", "BACKING=ram", "BACKING=tmpfs:lots", "USERNS=2"} {
		code, out, stderr := s.run(t, "echo started", setting)
		if code != 125 || out != "" {
			t.Errorf("%s: exit code %d, %q", setting, code, out)
		}
		name, value, _ := strings.Cut(setting, "=")
		oneLine(t, stderr, "WORKER_WRAP_"+name, value, "use")
	}
}
