package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// verify has systemd read units; what they start must be there.
func verify(t *testing.T, paths ...string) {
	t.Helper()
	cmd := exec.Command(testkit.RequireTool(t, "systemd-analyze", "systemd"), append([]string{"verify", "--man=no"}, paths...)...)
	// What is not there is an error, what is not understood a message.
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %v\n%s", cmd, err, out)
	}
}

// TestUnitsAreGood: systemd takes the units of a machine with another prefix, for a runner whose path and work folder
// are as bad as paths can be.
func TestUnitsAreGood(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	m.Prefix = "/opt/50% of it"
	l := scratch.Runner(t, m.Root, `a-b c_d%i"é`, "", scratch.OwnWorker)
	scratch.Text(t, filepath.Join(l.Root, ".runner"), `{"workFolder": "/data/50% work"}`)
	l, err := runner.FromRoot(l.Root)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	dir := m.Path("etc/systemd/system")
	service, err := os.ReadFile(filepath.Join(dir, "worker-wrap@.service"))
	if err != nil || !strings.Contains(string(service), `/opt/50%% of it/lib/worker-wrap/worker-wrap" watch --until-quiet`) {
		t.Errorf("%v\n%s", err, service)
	}

	escaped, err := exec.Command(testkit.RequireTool(t, "systemd-escape", "systemd"), "--path", "--template=worker-wrap@.path", l.Root).Output()
	if got := strings.TrimSpace(string(escaped)); err != nil || got != systemd.PathUnitName(l.Root) {
		t.Errorf("%q, and systemd says %q, %v", systemd.PathUnitName(l.Root), got, err)
	}
	// systemd-analyze takes an instance by its name beside the template.
	var paths []string
	for _, kind := range []string{".path", ".service"} {
		path := filepath.Join(dir, strings.TrimSuffix(systemd.PathUnitName(l.Root), ".path")+kind)
		scratch.Link(t, "worker-wrap@"+kind, path)
		paths = append(paths, path)
	}
	verify(t, paths...)
	for _, path := range paths {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	good(t, "uninstall", Uninstall(o))
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestServiceTemplate: what svc.sh makes of the template is a good unit.
func TestServiceTemplate(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testkit.Root(), "scripts", "actions.runner.worker-wrap.service.template"))
	if err != nil {
		t.Fatal(err)
	}
	const script = "/usr/lib/worker-wrap/runsvc-worker-wrap.sh"
	if !strings.Contains(string(data), "ExecStart="+script+"\n") {
		t.Errorf("it does not start %s:\n%s", script, data)
	}
	unit := strings.NewReplacer(
		script, filepath.Join(testkit.Root(), "scripts", filepath.Base(script)),
		"{{User}}", "daemon", "{{Description}}", "a runner", "{{RunnerRoot}}", "/srv/a runner",
	).Replace(string(data))
	if strings.Contains(unit, "{{") {
		t.Errorf("svc.sh fills in no more than these:\n%s", unit)
	}
	path := filepath.Join(testkit.Dir(t), "actions.runner.o-r.box.service")
	scratch.Text(t, path, unit)
	verify(t, path)
}
