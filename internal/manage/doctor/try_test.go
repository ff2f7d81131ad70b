package doctor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const nobody = 65534

// place copies worker-wrap to a place of its own, with these capabilities, "" for none.
func place(t *testing.T, caps string) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "worker-wrap")
	data, err := os.ReadFile(testkit.Binary(t))
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	if caps != "" {
		if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), caps, path).CombinedOutput(); err != nil {
			t.Fatalf("setcap: %v: %s", err, out)
		}
	}
	return path
}

func TestTry(t *testing.T) {
	testkit.RequireRoot(t)
	tests := []struct {
		name string
		t    Trial
		want Level
		what string
	}{
		{"root", Trial{Binary: place(t, ""), UID: 0, User: "root"}, OK, "a process of root was started"},
		{"capability", Trial{Binary: place(t, survey.FileCapability), UID: nobody, User: "nobody"}, OK, "a process of nobody was started"},
		{"no capability", Trial{Binary: place(t, ""), UID: nobody, User: "nobody"}, Fail, "it needs root, or a file capability"},
		{"no binary", Trial{Binary: "/nonexistent/worker-wrap", UID: nobody, User: "nobody"}, Fail, "no such file"},
		{"hides nothing", Trial{Binary: script(t, `exec "$0.real" "$@"`), UID: nobody, User: "nobody"}, Fail, "the host's _temp shows the Worker's file"},
		{"loses the PID", Trial{Binary: script(t, `"$0.real" "$@"; exit`), UID: nobody, User: "nobody"}, Fail, "the one that was started"},
		// Else a machine's settings could have it left alone, or a refusal would be run and its reason not be said.
		{"is to isolate", Trial{Binary: script(t, `echo "$WORKER_WRAP_ISOLATE $WORKER_WRAP_FALLBACK" >&2; exit 3`), UID: nobody, User: "nobody"}, Fail, "could not be isolated: always none"},
		{"says nothing", Trial{Binary: script(t, `exit 3`), UID: nobody, User: "nobody"}, Fail, "exit status 3"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tmp := t.TempDir()
			if err := os.Chmod(tmp, 0o755); err != nil {
				t.Fatal(err)
			}
			for dir := tmp; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
				_ = os.Chmod(dir, 0o755)
			}
			t.Setenv("TMPDIR", tmp)
			got := Try(test.t)
			if got.Level != test.want || !strings.Contains(got.What, test.what) {
				t.Errorf("%+v, want %s %q", got, test.want, test.what)
			}
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

// script stands in for a worker-wrap that does not do what it should.
func script(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "script")
	text := "#!/bin/sh\nexport WORKER_WRAP_HOST_TEMP=/nowhere\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestRootTriesNothingOfOthers: root starts no program that its runner's user, or somebody else, has put there.
func TestRootTriesNothingOfOthers(t *testing.T) {
	testkit.RequireRoot(t)
	mark := filepath.Join(testkit.Dir(t), "mark")
	theirs := script(t, "id -u >"+mark)
	for what, own := range map[string]func() error{
		"file": func() error { return os.Chown(theirs, nobody, nobody) },
		"folder": func() error {
			return errors.Join(os.Chown(theirs, 0, 0), os.Chown(filepath.Dir(theirs), nobody, nobody))
		},
	} {
		if err := own(); err != nil {
			t.Fatal(err)
		}
		for _, uid := range []int{0, nobody, 61234} {
			f := Facts{Runners: []Runner{{Runner: survey.Runner{UID: uid, User: "somebody"}, Shim: survey.BinaryAt(theirs)}}}
			report := Report{Runners: []RunnerReport{{}}}
			report.TryAll(f, "/nonexistent")
			results := report.Runners[0].Results
			if len(results) != 1 || results[0].Level != Warn || !strings.Contains(results[0].What, "not tried: "+filepath.Dir(theirs)) {
				t.Errorf("%s, as uid %d: %+v", what, uid, results)
			}
			if data, err := os.ReadFile(mark); err == nil {
				t.Fatalf("%s, as uid %d: it was started as %s", what, uid, data)
			}
		}
	}
}

func TestTryNeedsRootForOthers(t *testing.T) {
	if os.Getuid() == 0 {
		cmd := testkit.AsUser(exec.Command(copyOf(t), "-test.run=^"+t.Name()+"$", "-test.v"), nobody)
		cmd.Dir = "/"
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
			t.Errorf("as nobody: %v\n%s", err, out)
		}
		return
	}
	if got := Try(Trial{Binary: "/bin/true", UID: 0, User: "root"}); got.Level != Warn || !strings.Contains(got.What, "only root can") {
		t.Errorf("%+v", got)
	}
}

// copyOf puts this test binary where every user can run it.
func copyOf(t *testing.T) string {
	t.Helper()
	path := filepath.Join(testkit.Dir(t), "test")
	data, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(path, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
