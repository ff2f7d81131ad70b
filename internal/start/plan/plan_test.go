package plan

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// runnerAt makes a configured runner and returns its resolved root.
func runnerAt(t *testing.T, work string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "bin.2.333.1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("bin.2.333.1", filepath.Join(root, "bin")); err != nil {
		t.Fatal(err)
	}
	config := "\ufeff" + `{"AGENTID": 1, "WorkFolder": "` + work + `"}`
	if err := os.WriteFile(filepath.Join(root, ".runner"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

func TestForWorker(t *testing.T) {
	root := runnerAt(t, "orgs_miniohq_work")
	for _, bin := range []string{"bin", "bin.2.333.1"} {
		argv := []string{filepath.Join(root, bin, "Runner.Worker"), "spawnclient", "160", "164"}
		p, err := ForWorker(argv, []string{"WORKER_WRAP_LOG=debug"})
		if err != nil {
			t.Fatal(err)
		}
		if want := filepath.Join(root, "orgs_miniohq_work", "_temp"); p.Temp != want {
			t.Errorf("temp %q, want %q", p.Temp, want)
		}
		if want := filepath.Join(root, bin, "Runner.Worker.real"); p.Worker == nil || *p.Worker != (Worker{argv[0], want}) {
			t.Errorf("worker %+v, want %q and %q", p.Worker, argv[0], want)
		}
		if !slices.Equal(p.Argv, argv) || !p.Settings.Debug || p.Runner == nil || p.Runner.Root != root {
			t.Errorf("%+v", p)
		}
	}
	absolute := runnerAt(t, "/data/work")
	p, err := ForWorker([]string{filepath.Join(absolute, "bin", "Runner.Worker")}, nil)
	if err != nil || p.Temp != "/data/work/_temp" {
		t.Errorf("absolute workFolder: %q, %v", p.Temp, err)
	}
	_, err = ForWorker([]string{"/nowhere/bin/Runner.Worker"}, nil)
	if err == nil || !strings.Contains(err.Error(), "/nowhere/bin/Runner.Worker is not in a configured runner") {
		t.Errorf("no runner: %v", err)
	}
}

func TestForCommand(t *testing.T) {
	root := runnerAt(t, "_work")
	for _, c := range []struct {
		name string
		Options
		argv []string
		temp string // or, if it is empty, part of the error
		err  string
	}{
		{"temp", Options{Temp: "/a/b/../_temp/", Dir: "/"}, []string{"x"}, "/a/_temp", ""},
		{"relative temp", Options{Temp: "t", Dir: "/a"}, []string{"x"}, "/a/t", ""},
		{"root", Options{RunnerRoot: root, Dir: "/"}, []string{"x"}, root + "/_work/_temp", ""},
		{"found upwards", Options{Dir: root + "/bin.2.333.1"}, []string{"x"}, root + "/_work/_temp", ""},
		{"both", Options{Temp: "/t", RunnerRoot: root, Dir: "/"}, []string{"x"}, "", "exclude each other"},
		{"no command", Options{Temp: "/t", Dir: "/"}, nil, "", "write it after --"},
		{"empty command", Options{Temp: "/t", Dir: "/"}, []string{""}, "", "write it after --"},
		{"the root folder", Options{Temp: "/", Dir: "/"}, []string{"x"}, "", "--temp /"},
		{"no runner", Options{Dir: "/proc/self"}, []string{"x"}, "", "there is no .runner in /proc/self and the folders above it"},
		{"not a runner", Options{RunnerRoot: "/proc", Dir: "/"}, []string{"x"}, "", "/proc/.runner: no such file or directory: that is not a configured runner"},
	} {
		p, err := ForCommand(c.Options, c.argv, nil)
		switch {
		case c.temp == "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.err)
		case c.temp != "" && (err != nil || p.Temp != c.temp):
			t.Errorf("%s: temp %q, error %v; want temp %q", c.name, p.Temp, err, c.temp)
		}
	}
}

func TestParseSettings(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want Settings
		err  string
	}{
		{nil, Settings{}, ""},
		{[]string{"WORKER_WRAP_LOG=debug", "WORKER_WRAP_LOG=nonsense"}, Settings{Debug: true}, ""},
		{[]string{"WORKER_WRAP_OG=x", "WORKER_WRAP_LOG=debug", "WORKER_WRAP_DOCKER=off"}, Settings{Debug: true, NoDocker: true, Unknown: "WORKER_WRAP_OG"}, ""},
		{[]string{"WORKER_WRAP_HOST_TEMP=/x", "WORKER_WRAP_TEST_STRICT=1", "WORKER_WRAP_WAIT=1s", "WORKER_WRAP_WIAT=1s"}, Settings{Policy: policy.Settings{Wait: time.Second}, Unknown: "WORKER_WRAP_WIAT"}, ""},
		{[]string{"WORKER_WRAP_LOG", "WORKER_WRAP_DOCKER=on", "WORKER_WRAP_LOG="}, Settings{}, ""},
		{[]string{"WORKER_WRAP_LOG=loud"}, Settings{}, `WORKER_WRAP_LOG="loud": not a level`},
		{[]string{"WORKER_WRAP_DOCKER=of"}, Settings{}, `WORKER_WRAP_DOCKER="of": use off`},
		{[]string{"WORKER_WRAP_LOG=loud", "WORKER_WRAP_DOCKER=of"}, Settings{}, `or leave it unset; and WORKER_WRAP_DOCKER="of": use off`},
	} {
		got, err := ParseSettings(c.env)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: error %v, want one with %q", c.env, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("%q: %+v, %v; want %+v", c.env, got, err, c.want)
		}
	}
}
