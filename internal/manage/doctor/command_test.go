package doctor

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// newRunner makes a runner of nobody's with the shim in place.
func newRunner(t *testing.T) (root string) {
	t.Helper()
	root = testkit.Dir(t)
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		".runner":                       "\xef\xbb\xbf{\"workFolder\":\"_work\"}",
		"_work/_temp/x":                 "",
		"_diag/x":                       "",
		"bin/Runner.Worker.real":        "the runner's own",
		"bin/Runner.Listener":           string(sleep),
		"bin/Runner.Listener.deps.json": `{"libraries":{"Runner.Listener/2.333.1":{}}}`,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(place(t, program.FileCapability), filepath.Join(root, "bin", runner.WorkerName)); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, root, nobody)
	return root
}

// command runs the doctor as a person does.
func command(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(testkit.Binary(t), append([]string{"doctor"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// ask runs it with --json and returns the one runner's report. Exit code and levels must agree.
func ask(t *testing.T, root string) RunnerReport {
	t.Helper()
	out, errs, code := command(t, "--runner-root", root, "--json")
	var report Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Runners) != 1 || errs != "" {
		t.Fatalf("%v: %s%s", err, out, errs)
	}
	if code != report.ExitCode() {
		t.Errorf("exit code %d, and %d by what it says: %s", code, report.ExitCode(), out)
	}
	return report.Runners[0]
}

// has reports whether a report has a result of this check and level that says this.
func has(t *testing.T, r RunnerReport, level checks.Level, check, what string) {
	t.Helper()
	for _, res := range r.Results {
		if res.Check == check && res.Level == level && strings.Contains(res.What, what) {
			return
		}
	}
	t.Errorf("no %s %q with %q in %+v", level, check, what, r.Results)
}

func TestCommand(t *testing.T) {
	testkit.RequireRoot(t)
	root := newRunner(t)
	r := ask(t, root)
	if !r.Protected || r.Version != "2.333.1" || r.User != users.Name(nobody) {
		t.Errorf("%+v", r)
	}
	has(t, r, checks.OK, "shim", "in place in "+root+"/bin")
	has(t, r, checks.OK, "privilege", "file capability")
	has(t, r, checks.OK, "trial", "its _temp was its own")

	worker := filepath.Join(root, "bin", runner.WorkerName)
	if err := os.Chmod(worker+".real", 0o644); err != nil {
		t.Fatal(err)
	}
	r = ask(t, root)
	if r.Protected {
		t.Errorf("protected with a Worker that cannot be run: %+v", r)
	}
	has(t, r, checks.Fail, "shim", users.Name(nobody)+" cannot run "+worker+".real because of the mode of "+worker+".real")
	if err := os.Rename(worker+".real", worker); err != nil {
		t.Fatal(err)
	}
	r = ask(t, root)
	if r.Protected {
		t.Errorf("protected without the shim: %+v", r)
	}
	has(t, r, checks.Fail, "shim", "is the runner's own")
	out, _, code := command(t, "--runner-root", root)
	if code != 2 || !strings.Contains(out, "✗ shim") || !strings.Contains(out, "→ sudo "+program.CommandOf(testkit.Binary(t)).On("install", root)+"\n") || !strings.Contains(out, "the runner is not protected") {
		t.Errorf("exit code %d: %s", code, out)
	}

	out, errs, code := command(t, "--runner-root", root+"/nothing")
	if code != 125 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, root+"/nothing/.runner") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

// TestCommandSeesWhatTheListenerHandsOn starts Listeners as services would that take the privilege away.
func TestCommandSeesWhatTheListenerHandsOn(t *testing.T) {
	testkit.RequireRoot(t)
	for _, test := range []struct {
		name  string
		args  []string
		level checks.Level
		check string
		what  string
	}{
		{"no_new_privs", []string{"--no-new-privs"}, checks.Fail, "no_new_privs", "runs with no_new_privs"},
		{"bounding set", []string{"--bounding-set=-sys_admin"}, checks.Fail, "bounding set", "without CAP_SYS_ADMIN"},
		{"ambient", []string{"--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"}, checks.Warn, "ambient", "ambient capabilities (0x400)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := newRunner(t)
			listener := filepath.Join(root, "bin", "Runner.Listener")
			words := append(testkit.UserWords("65534", "65534", test.args...), listener, "60")
			cmd := exec.Command(words[0], words[1:]...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			testkit.Await(t, "the Listener's start", func() bool {
				p, err := (survey.System{}).Process(cmd.Process.Pid)
				return err == nil && p.Command == listener
			})
			r := ask(t, root)
			has(t, r, test.level, test.check, test.what)
			if r.Protected != (test.level != checks.Fail) {
				t.Errorf("protected: %v", r.Protected)
			}
		})
	}
}
