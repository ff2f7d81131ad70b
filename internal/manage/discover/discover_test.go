package discover

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func write(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

const config = "\ufeff{\"workFolder\": \"_work\"}"

func TestAll(t *testing.T) {
	m := testkit.Dir(t)
	// Each of these leads to a runner in another way; none is in one of the usual places but the last.
	for _, root := range []string{"svc/a runner", "svc/start", "own/name", "listed", "running", "gone-service/x"} {
		write(t, m, "far/off/place/"+root+"/.runner", config)
	}
	write(t, m, "etc/systemd/system/actions.runner.o-r.one.service", "[Service]\nExecStart=/far/off/place/svc/a runner/runsvc.sh\nUser=ci\nWorkingDirectory=/far/off/place/svc/a runner\n")
	write(t, m, "usr/lib/systemd/system/actions.runner.o-r.two.service", "[Service]\nExecStart=/far/off/place/svc/start/runsvc.sh\n")
	write(t, m, "etc/systemd/system/ci.service", "[Service]\nExecStart=\"/far/off/place/own/name/runsvc.sh\"\n")
	write(t, m, "etc/systemd/system/other.service", "[Service]\nExecStart=/far/off/place/gone-service/x/run\nWorkingDirectory=/far/off/place/gone-service/x\n")
	write(t, m, "etc/systemd/system/actions.runner.o-r.gone.service", "[Service]\nWorkingDirectory=/far/off/place/removed\n")
	write(t, m, "var/lib/worker-wrap/runners", filepath.Join(m, "far/off/place/listed")+"\n/nonexistent\n")
	write(t, m, "proc/7/cmdline", filepath.Join(m, "far/off/place/running/bin/Runner.Listener")+"\x00run\x00")
	write(t, m, "proc/8/cmdline", "sleep\x007\x00")
	write(t, m, "home/ci/actions-runner/.runner", config)
	write(t, m, "home/ci/actions-runner/.service", "actions.runner.o-r.three.service\n")
	write(t, m, "opt/broken/.runner", "{")
	// config.sh remove has taken .runner away: of these the one that has a Worker is a runner still.
	write(t, m, "opt/removed/.service", "x.service\n")
	write(t, m, "opt/removed/bin.2.335.0/Runner.Worker.real", "")
	write(t, m, "opt/emptied/.service", "x.service\n")
	write(t, m, "opt/emptied/bin/x", "")
	// A second way to one that was found.
	if err := os.Symlink("actions-runner", filepath.Join(m, "home/ci/again")); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range All(m) {
		if guessed := f.Err != nil; guessed != f.Layout.Guessed || guessed && !strings.HasPrefix(f.Layout.Root, m+"/opt") {
			t.Errorf("%+v", f)
		}
		root, _ := strings.CutPrefix(f.Layout.Root, m+"/")
		from, _ := strings.CutPrefix(f.From, m+"/")
		got = append(got, strings.Join([]string{root, f.Unit, f.User, from}, "|"))
	}
	want := []string{
		"far/off/place/listed|||var/lib/worker-wrap/runners",
		"far/off/place/own/name|ci.service||etc/systemd/system/ci.service",
		"far/off/place/running|||proc/7",
		"far/off/place/svc/a runner|actions.runner.o-r.one.service|ci|etc/systemd/system/actions.runner.o-r.one.service",
		"far/off/place/svc/start|actions.runner.o-r.two.service||usr/lib/systemd/system/actions.runner.o-r.two.service",
		"home/ci/actions-runner|actions.runner.o-r.three.service||home/ci/actions-runner/.service",
		"opt/broken|||opt/broken/.runner",
		"opt/removed|x.service||opt/removed/.service",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestStarting: a unit that starts a runner is found by whatever of its file says where that is, a template by its instance.
func TestStarting(t *testing.T) {
	m := testkit.Dir(t)
	for _, root := range []string{"data/pool/a", "data/pool/b-c", "data/pool/b c"} {
		write(t, m, root+"/.runner", config)
	}
	if err := os.Symlink("data", filepath.Join(m, "srv")); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a-other.service":              "WorkingDirectory=/srv/pool\nExecStart=/srv/pool/x/run.sh\n",
		"actions.runner.named.service": "WorkingDirectory=/data/pool/a\n",
		"quoted.service":               "ExecStart=/bin/bash -c 'cd /srv/pool/a && exec ./run.sh'\n",
		"above.service":                "WorkingDirectory=/srv\nExecStart=/srv/pool/a/run.sh\n",
		"listener.service":             "ExecStart=-/srv/pool/a/bin/Runner.Listener run\n",
		"gha@.service":                 "ExecStart=/srv/pool/%i/runsvc.sh\n",
		"part@.service":                "ExecStart=/srv/pool/b-%i/runsvc.sh\n",
		"bare@.service":                "ExecStart=/srv/pool/%I/runsvc.sh\n",
	} {
		write(t, m, "etc/systemd/system/"+name, "[Service]\n"+text)
	}
	for root, want := range map[string]string{
		"data/pool/a":   "above.service actions.runner.named.service bare@a.service gha@a.service listener.service quoted.service",
		"data/pool/b-c": "gha@b-c.service part@c.service",
		"data/pool/b c": "", // such a name would have to be escaped
	} {
		if got := strings.Join(Starting(Services(m), m, filepath.Join(m, root)), " "); got != want {
			t.Errorf("%s: %s, want %s", root, got, want)
		}
	}
}
