package shim_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestTwiceInOneProcess: a process that becomes worker-wrap once more keeps the _temp that it has, and what
// sweeps beside it do not take that away.
func TestTwiceInOneProcess(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	temp := filepath.Join(testkit.Dir(t), "_temp")
	const script = `"$1" --temp "$0" -- true && echo mine > "$0/file" && cat "$0/file" "$WORKER_WRAP_HOST_TEMP/file" && grep -c " $0 " /proc/self/mountinfo`
	out, err := exec.Command(binary, "--temp", temp, "--", binary, "--temp", temp, "--", "sh", "-c", script, temp, binary).CombinedOutput()
	if err != nil || string(out) != "mine\nmine\n1\n" {
		t.Errorf("%v: %q", err, out)
	}
	if _, err := os.Stat(temp + "/file"); err == nil {
		t.Error("the file is in the host's _temp")
	}
}

// TestWorkerPutBack: an uninstall that is faster than a start leaves it nothing but the runner's own Worker, in its
// old place.
func TestWorkerPutBack(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	_, worker := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
	if err := os.Rename(worker+".real", worker); err != nil {
		t.Fatal(err)
	}
	for _, isolate := range []string{"always", "overlap"} {
		cmd := exec.Command(binary, "-c", `readlink /proc/$$/exe; echo "$WORKER_WRAP_HOST_TEMP"`)
		cmd.Args[0] = worker // as it was when the Listener started it
		cmd.Env = append(os.Environ(), "WORKER_WRAP_ISOLATE="+isolate)
		out, err := cmd.CombinedOutput()
		exe, host, _ := strings.Cut(string(out), "\n")
		if err != nil || exe != worker || strings.Contains(host, "/.worker-wrap/") != (isolate == "always") {
			t.Errorf("%s: %v: %q", isolate, err, out)
		}
	}
}
