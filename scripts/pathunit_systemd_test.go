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

// underPathUnit spoils a runner's path unit in each way, asks doctor, installs, and asks again.
const underPathUnit = `set -eu
version() { # makes the folder of one
	mkdir -p "$1"
	cp /bin/true "$1/Runner.Worker"
	cp /bin/true "$1/Runner.Listener"
	chown -R daemon: "$1"
}
mkdir -p /srv/runner/_work/_temp /srv/runner/_diag
cd /srv/runner
version bin.2.336.0
ln -s bin.2.336.0 bin
echo '{"workFolder": "_work"}' >.runner
chown -hR daemon: .
"$1/worker-wrap" install --runner-root /srv/runner >/dev/null
ww=/usr/local/bin/worker-wrap unit=worker-wrap@srv-runner
etc=/etc/systemd/system
updates() { "$@" $ww doctor --json --runner-root /srv/runner | grep -A 2 '"check": "updates"' | sed -n 's/.*"\(level\|found\)": "\(.*\)",*/\2/p' | tr '\n' ' '; }
eventually() {
	for _ in $(seq 6000); do
		if "$@" >/dev/null 2>&1; then return; fi
		sleep 0.1
	done
	echo "in a minute this was not so: $*"
}
echo "well: $(updates)"
echo "to daemon: $(updates setpriv --reuid=daemon --regid=daemon --clear-groups sh -c 'exec "$@"' sh)"
stopped() { systemctl stop $unit.path $unit.service; }
disabled() { rm $etc/paths.target.wants/$unit.path; systemctl daemon-reload; }
masked() { systemctl mask --now $unit.path; }
masked_service() { systemctl mask --runtime $unit.service; }
masked_template() { ln -sf /dev/null $etc/worker-wrap@.path; systemctl daemon-reload; }
no_file() { rm $etc/worker-wrap@.service; systemctl daemon-reload; }
old_file() { echo '# old' >>$etc/worker-wrap@.path; systemctl daemon-reload; }
not_read() { touch $etc/worker-wrap@.path; }
start_limit() {
	mkdir -p /run/systemd/system/$unit.path.d
	printf '[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=5\n' >/run/systemd/system/$unit.path.d/limit.conf
	systemctl daemon-reload
	systemctl stop $unit.path
	while systemctl start $unit.path; do systemctl stop $unit.path; done
}
killed() { # a watch ends by itself too
	until systemctl is-failed $unit.service; do
		systemctl start $unit.service
		systemctl kill -s KILL $unit.service
	done
}
for damage in stopped disabled masked masked_service masked_template no_file old_file not_read start_limit killed; do
	$damage >/dev/null 2>&1 || :
	echo "$damage: $(updates)"
	while $ww install --dry-run --runner-root /srv/runner | grep -q "nothing to do"; do
		# What a watch changed just before it was killed may have the path unit start another one.
		if [ $damage = killed ] && ! systemctl -q is-failed $unit.service; then killed >/dev/null 2>&1; continue; fi
		echo "  install would do nothing"
		break
	done
	$ww install --runner-root /srv/runner >/dev/null || echo "  install fails"
	case "$(updates)$(systemctl is-active $unit.path)" in
	"ok the path unit $unit.path puts the shim into each new version active") ;;
	*) echo "  not mended: $(updates), $(systemctl is-active $unit.path)" ;;
	esac
done

# An update that nobody watches: the next start of the unit sees to it.
stopped
version bin.2.337.0
ln -sfn bin.2.337.0 bin
entry() { head -n 1 bin/Runner.Worker | grep -a ' __worker$'; } # what install puts there is a script for the shim
if entry >/dev/null; then echo "the new version has the shim already"; fi
systemctl start $unit.path
eventually entry
echo "after its start: $(entry)"

# A runner that is gone: a watch of it is no failure, and of a unit that has failed an uninstall leaves nothing.
systemctl stop $unit.path $unit.service
cd /
rm -rf /srv/runner
systemctl start $unit.service
ended() { case $(systemctl show -P ActiveState $unit.service) in inactive | failed) ;; *) false ;; esac; }
eventually ended
echo "gone: $(systemctl show -P Result $unit.service), $($ww doctor --json | sed -n 's/.*"mend": "\(.* uninstall .*\)",*/\1/p')"
mkdir /run/systemd/system/$unit.service.d
printf '[Service]\nExecStart=\nExecStart=false\n' >/run/systemd/system/$unit.service.d/fail.conf
systemctl daemon-reload
systemctl start $unit.service 2>/dev/null || : # it may have ended already
eventually ended
systemctl --failed --plain --no-legend | cut -d' ' -f1
ln -s srv /link
setpriv --reuid=daemon --regid=daemon --clear-groups sh -c 'exec "$@"' sh $ww uninstall --runner-root /link/runner 2>&1 | cut -d: -f1,2
$ww uninstall --runner-root /link/runner >/dev/null || echo "  uninstall fails"
systemctl --failed --plain --no-legend
ls /var/lib/worker-wrap $ww 2>/dev/null || :
`

// TestPathUnitUnderSystemd: whatever keeps a path unit from its work is found by doctor and mended by install.
func TestPathUnitUnderSystemd(t *testing.T) {
	t.Parallel()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "systemctl", "systemd")
	testkit.RequireTool(t, "setpriv", "util-linux")
	dir := testkit.Dir(t)
	testkit.CopyProgram(t, testkit.Binary(t), filepath.Join(dir, "worker-wrap"))
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(underPathUnit), 0o755); err != nil {
		t.Fatal(err)
	}
	out, err := run(filepath.Join(testkit.Root(), "scripts", "lib", "scratch-systemd"), "bash", filepath.Join(dir, "script"), dir)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		testkit.Skip(t, "%s", out)
	}
	const unit = "the path unit worker-wrap@srv-runner.path "
	const etc = "/etc/systemd/system/"
	want := strings.Join([]string{
		"well: ok " + unit + "puts the shim into each new version ",
		"to daemon: warning " + unit + "is to put the shim into each new version; whether it runs cannot be told, as systemd does not answer daemon ",
		"stopped: warning " + unit + "is stopped ",
		"disabled: warning " + unit + "is not enabled, so that it does not start with the machine ",
		"masked: warning " + unit + "is masked by " + etc + "worker-wrap@srv-runner.path ",
		"masked_service: warning " + unit + "is masked by /run/systemd/system/worker-wrap@srv-runner.service ",
		"masked_template: warning " + unit + "is masked by " + etc + "worker-wrap@.path ",
		"no_file: warning " + unit + "starts a service that cannot be loaded by systemd (not-found) ",
		"old_file: warning " + unit + "is not what this version of worker-wrap installs: " + etc + "worker-wrap@.path ",
		"not_read: warning " + unit + "has files that changed since systemd read them ",
		"start_limit: warning " + unit + "has failed (start-limit-hit) ",
		"killed: warning " + unit + "starts a watch that has failed (signal) ",
		"after its start: #!/usr/local/lib/worker-wrap/worker-wrap __worker",
		"gone: success, mount it, if it is on a file system that is not mounted; else: sudo worker-wrap uninstall --runner-root /srv/runner",
		"worker-wrap@srv-runner.service",
		"needs root: systemd would put the shim back into /srv/runner",
		"",
	}, "\n")
	if err != nil || out != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}
