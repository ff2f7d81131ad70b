//go:build !race

package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// underSystemd makes a service of the template, as svc.sh does, starts it, and stops it. $1 is the folder
// with what it needs.
const underSystemd = `set -eu
mkdir -p /usr/lib/worker-wrap /srv/runner/bin /srv/runner/_work
cp "$1/worker-wrap" "$1/runsvc-worker-wrap.sh" /usr/lib/worker-wrap
setcap cap_sys_admin=p /usr/lib/worker-wrap/worker-wrap
cd /srv/runner
echo '{"workFolder": "_work"}' >.runner
echo /from/dot/path:/usr/bin:/bin >.path
echo 7 >code
cp /bin/true bin/Runner.Worker
cp "$1/runsvc.sh" .
chown -R daemon: .
unit=actions.runner.o-r.box.service
sed 's/{{User}}/daemon/; s/{{Description}}/a runner/; s,{{RunnerRoot}},/srv/runner,' \
	"$1/actions.runner.worker-wrap.service.template" >/etc/systemd/system/$unit
mkdir /etc/systemd/system/$unit.d
echo "#!/bin/sh
pgrep -f '^/usr/lib/worker-wrap/worker-wrap watch' >/srv/watching
exit 0" >/srv/look
chmod 755 /srv/look
printf '[Service]\nExecStop=+/srv/look\n' >/etc/systemd/system/$unit.d/look.conf # after the template's
systemctl daemon-reload
systemctl start $unit
eventually() {
	for _ in $(seq 6000); do # as long as testkit.Patience
		if "$@" >/dev/null; then return; fi
		sleep 0.05
	done
	echo "this does not come: $*"
}
watches() { pgrep -f '^/usr/lib/worker-wrap/worker-wrap watch'; }
watch_is_gone() { ! watches; }
eventually pgrep -u daemon -x perl
eventually watches
main=$(systemctl show -P MainPID $unit)
echo "main process: $(tr '\0' ' ' </proc/$main/cmdline), in $(readlink /proc/$main/cwd), watched by $(watches | wc -l)"
echo "bin: $(head -n 1 bin/Runner.Worker)"
systemctl stop $unit
echo "when it is stopped, watched by $(wc -l </srv/watching)"
eventually watch_is_gone
systemctl show -p Result -p ExecMainStatus $unit
: >runsvc.sh # as an update has left it
systemctl start $unit || true
is_over() { [ "$(systemctl show -P SubState $unit)" = failed ]; }
eventually is_over
systemctl show -p ActiveState -p Result -p ExecMainStatus $unit
`

// TestServiceTemplateUnderSystemd has systemd run the service that svc.sh makes of the template.
func TestServiceTemplateUnderSystemd(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "systemctl", "systemd")
	testkit.RequireTool(t, "setcap", "libcap2-bin")
	testkit.RequireTool(t, "pgrep", "procps")
	dir := testkit.Dir(t)
	testkit.CopyProgram(t, testkit.Binary(t), filepath.Join(dir, "worker-wrap"))
	for _, name := range []string{"runsvc-worker-wrap.sh", "actions.runner.worker-wrap.service.template"} {
		testkit.CopyProgram(t, filepath.Join(testkit.Root(), "scripts", name), filepath.Join(dir, name))
	}
	for name, text := range map[string]string{"runsvc.sh": hostScript, "script": underSystemd} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := run(filepath.Join(testkit.Root(), "scripts", "lib", "scratch-systemd"), "bash", filepath.Join(dir, "script"), dir)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		testkit.Skip(t, "%s", out)
	}
	want := strings.Join([]string{
		"main process: /bin/bash /srv/runner/runsvc.sh , in /srv/runner, watched by 1",
		"bin: #!/usr/lib/worker-wrap/worker-wrap __worker",
		"when it is stopped, watched by 0",
		"Result=exit-code", // 7, the host's
		"ExecMainStatus=7",
		"Result=exit-code",
		"ExecMainStatus=126",
		"ActiveState=failed",
		"",
	}, "\n")
	if err != nil || out != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}
