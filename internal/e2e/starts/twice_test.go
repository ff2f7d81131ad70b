package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestTwiceInOneProcess: a process that becomes worker-wrap once more keeps the _temp that it has, and what
// sweeps beside it do not take that away.
func TestTwiceInOneProcess(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	temp := filepath.Join(testkit.Dir(t), "_temp")
	const script = `"$1" --temp "$0" -- true && echo mine > "$0/file" && cat "$0/file" "$WORKER_WRAP_HOST_TEMP/file" && grep -c " $0 " /proc/self/mountinfo`
	out, err := exec.Command(binary, "--mkdir", "--temp", temp, "--", binary, "--temp", temp, "--", "sh", "-c", script, temp, binary).CombinedOutput()
	if err != nil || string(out) != "mine\nmine\n1\n" {
		t.Errorf("%v: %q", err, out)
	}
	if _, err := os.Stat(temp + "/file"); err == nil {
		t.Error("the file is in the host's _temp")
	}
}

// TestTwiceOverTwoFolders: a process that becomes worker-wrap once more, for a folder beside the first, keeps its files
// in the first, through others' sweeps too. It leaves nothing of either.
func TestTwiceOverTwoFolders(t *testing.T) {
	shim := capable(t)
	for _, settings := range [][]string{nil, {"BACKING=tmpfs"}} {
		s := ordinary(t, shim)
		s.store = perpid.Path(s.temp) // that of a --temp, which each start of the runner sweeps too
		work := filepath.Dir(s.temp)
		const script = `echo one >"$1/file" && HOST=$WORKER_WRAP_HOST_TEMP exec "$0" --mkdir --temp "$2" -- sh -c '
			echo two >"$2/file"; echo up; read go; cat "$1/file" "$2/file"; basename "$HOST"; basename "$WORKER_WRAP_HOST_TEMP"' sh "$1" "$2"`
		c := command(settings, shim, "--mkdir", "--temp", work+"/first", "--", "sh", "-c", script, shim, work+"/first", work+"/second")
		lines := talk(t, c)
		lines.expect(t, "up")
		// More than one start, so that what the first renames the second has swept.
		for range 2 {
			if code, _, stderr := s.run(t, "true"); code != 0 {
				t.Fatalf("%v: exit code %d: %s", settings, code, stderr)
			}
		}
		living := entries(t, s.store)
		lines.in.Close()
		lines.expect(t, "one")
		lines.expect(t, "two")
		var names [2]string
		for i := range names {
			if names[i] = lines.next(t); !slices.Contains(living, names[i]) {
				t.Errorf("%v: %s is in use, and the store has %q", settings, names[i], living)
			}
		}
		if names[0] == names[1] {
			t.Errorf("%v: both folders are %s", settings, names[0])
		}
		if code := c.end(t); code != 0 {
			t.Errorf("%v: exit code %d: %s", settings, code, &c.err)
		}
		if code, _, stderr := s.run(t, "true"); code != 0 {
			t.Fatalf("%v: exit code %d: %s", settings, code, stderr)
		}
		eventually(t, func() error { return atMostOne(s.left(t)) })
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
