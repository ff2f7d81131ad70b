//go:build !race

package scripts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// underUnits makes a runner and its service for each file of settings in $1/units. It installs worker-wrap in those
// that an install does not leave as they are; in the others it is put by hand. It has each service start two Workers,
// and asks doctor and status. Then it does what doctor says, starts them again, and asks once more.
const underUnits = `set -eu
share=$1
sudo() { [ "$1" = systemctl ] || "$@"; } # a round reads and starts the units
mkdir -p /srv/out /chroot "$share/first" "$share/second"
mount --bind / /chroot
cp "$share/image" /image
cp -a "$share/bare" /bare
rm -r /bare/usr/local
mknod /dev/loop-control c 10 237
for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do mknod "/dev/loop$n" b 7 "$n"; done
for settings in "$share"/units/*; do
	name=${settings##*/} root=/srv/${settings##*/} unit=actions.runner.${settings##*/}.service
	mkdir -p "$root/bin" "$root/_work/_temp" "$root/_diag"
	echo '{"workFolder": "_work"}' >"$root/.runner"
	echo "$unit" >"$root/.service"
	cp "$share/job" "$root/bin/Runner.Worker"
	cp "$share/start" "$root/runsvc.sh"
	sed "s,@ROOT@,$root,g; s,@NAME@,$name,g" "$settings" >"/etc/systemd/system/$unit"
	sed -n "s/^# env: //p" "$settings" >"$root/.worker-wrap.env"
	sed -n "s/^# drop-in: //p" "$settings" | while read -r path line; do
		mkdir -p "/etc/systemd/system/${path%/*}"
		printf '[Service]\n%s\n' "$line" >"/etc/systemd/system/$path"
	done
	chown -R daemon: "$root"
done
roots=$(for settings in "$share"/units/*; do echo "--runner-root /srv/${settings##*/}"; done)
systemctl daemon-reload
"$share/worker-wrap" install --isolate always --runner-root /srv/plain >/dev/null
# Without a path unit, of which each would start a watch.
/usr/local/bin/worker-wrap install --bin-only --isolate always $roots >"$share/installed" 2>&1 || :
mkdir /usr/local/lib/older
cp -a "$share/older" /usr/local/lib/older/worker-wrap
for settings in "$share"/units/*; do
	root=/srv/${settings##*/}
	case $root in
	/srv/older*) to=/usr/local/lib/older/worker-wrap ;;
	*) to=/usr/local/lib/worker-wrap/worker-wrap; [ ! -e "$root/bin/Runner.Worker.real" ] || continue ;;
	esac
	[ -e "$root/bin/Runner.Worker.real" ] || mv "$root/bin/Runner.Worker" "$root/bin/Runner.Worker.real"
	ln -sf "$to" "$root/bin/Runner.Worker"
done
mv /srv/wrapper/bin/Runner.Worker /srv/wrapper/bin/Runner.Worker.real
cp "$share/wrapper" /srv/wrapper/bin/Runner.Worker
units=$(cd /etc/systemd/system && ls -d actions.runner.*.service)
round() {
	systemctl daemon-reload
	systemctl start $units || :
	for out in /srv/out/*; do cp "$out" "$share/$1/${out##*/}"; done
	/usr/local/bin/worker-wrap doctor --json $roots >"$share/$1.json" || :
	/usr/local/bin/worker-wrap status --json $roots >"$share/$1.status" || :
}
round first
systemctl show --property=Version --value
mends() { sed -n "s/^ *\"mend\": \"\($1\)\",\{0,1\}\$/\1/p" "$share/$2.json" | sed 's/\\"/"/g; s/\\\\/\\/g' | sort -u; }
{ mends 'sudo .*worker-wrap\.conf.*' first; mends 'sudo worker-wrap install .*\/srv\/older.*' first; } >"$share/mends"
. "$share/mends" >/dev/null
list() { cd /etc/systemd/system && find . -name '*worker-wrap.conf' -exec cat {} + && cd /; }
once=$(list)
. "$share/mends" >/dev/null # changes nothing
[ "$(list)" = "$once" ]
round second
` + underListeners

// underListeners starts Listeners, takes out of their units what keeps Workers from isolation, and asks doctor: they run with it
// until what doctor prints is done.
const underListeners = `
sudo() { "$@"; }
roots= units=
while read -r name line; do
	root=/srv/$name unit=actions.runner.$name.service
	cp -a /srv/plain "$root"
	echo "$unit" >"$root/.service"
	cp /bin/sleep "$root/bin/Runner.Listener"
	printf '[Service]\nType=exec\nUser=daemon\nExecStart=%s/bin/Runner.Listener 3600\n%s\n' "$root" "$line" >"/etc/systemd/system/$unit"
	roots="$roots --runner-root $root" units="$units $unit"
done <<-END
	runs-nnp NoNewPrivileges=yes
	runs-bounded CapabilityBoundingSet=~CAP_SYS_ADMIN
	runs-filtered SystemCallFilter=~@clock
	runs-ambient AmbientCapabilities=CAP_NET_BIND_SERVICE
	runs
END
systemctl daemon-reload
systemctl start $units
for unit in $units; do sed -i 's/^\(NoNew\|Capab\|System\)/#&/' "/etc/systemd/system/$unit"; done
systemctl daemon-reload
sed -i 's/^Type/&/; $a# changed' /etc/systemd/system/actions.runner.runs.service
listeners() {
	/usr/local/bin/worker-wrap doctor --json $roots >"$share/$1.json" || :
	/usr/local/bin/worker-wrap status --json $roots >"$share/$1.status" || :
}
listeners running
{ mends 'sudo systemctl .*' running; mends 'sudo .*worker-wrap\.conf.*' running; mends '.*if that is mended already: sudo systemctl .*' running | sed 's/.*already: //'; } >"$share/restarts"
. "$share/restarts" >/dev/null
listeners restarted
systemctl stop $units
` + unwrapped

// unwrapped makes runners without the shim, in whose services no Worker can be isolated. Of the first only a template leads
// to the folder, by the instance's name, and of the second no file does. In the last they can, since a service of root's gets
// no no_new_privs. It asks an install of each.
const unwrapped = `
for name in instance led other; do
	root=/srv/pool/$name
	mkdir -p "$root/bin" "$root/_work/_temp" "$root/_diag"
	echo '{"workFolder": "_work"}' >"$root/.runner"
	cp /bin/true "$root/bin/Runner.Worker"
	cp /bin/sleep "$root/bin/Runner.Listener"
	chown -R daemon: "$root"
done
cat >/etc/systemd/system/gha@.service <<-END
	[Service]
	Type=exec
	User=$(id -u daemon)
	NoNewPrivileges=yes
	ExecStart=/srv/pool/%i/bin/Runner.Listener 3600
END
cat >/etc/systemd/system/led.service <<-END
	[Service]
	User=daemon
	RestrictNamespaces=yes
	Environment=ROOT=/srv/pool/led
	ExecStart=/bin/sh -c 'exec \$ROOT/bin/Runner.Listener 3600'
END
cat >/etc/systemd/system/other.service <<-END
	[Service]
	ProtectHostname=yes
	ExecStart=/bin/sh /etc/other
END
cat >/etc/other <<-'END'
	exec setpriv --reuid=daemon --regid=daemon --clear-groups sh -c 'exec "$@"' sh /srv/pool/other/bin/Runner.Listener 3600
END
systemctl daemon-reload
refuses() { /usr/local/bin/worker-wrap install --bin-only --runner-root "$1" 2>&1 || :; }
{
	refuses /srv/pool/instance
	systemctl start gha@instance led other
	for name in led other; do
		pid=$(systemctl show --property=MainPID --value "$name")
		until [ "$(cat "/proc/$pid/comm")" = Runner.Listener ]; do sleep 0.1; done
	done
	refuses /srv/pool/instance
	refuses /srv/pool/led
	refuses /srv/pool/other
} >"$share/unwrapped"
/usr/local/bin/worker-wrap doctor --json --runner-root /srv/pool/other | grep -q '"protected": true'
systemctl stop gha@instance led other
`

// start stands in for a Listener: it starts two Workers, and writes how that went. Its first line says what it may.
const startTwo = `#!/bin/sh
for fallback in none run; do
	rm -f _work/_temp/mark 2>/dev/null
	said=$(WORKER_WRAP_FALLBACK=$fallback "$PWD/bin/Runner.Worker" 2>&1)
	code=$?
	how=nothing
	case $said in *"job ran in "*/.worker-wrap/*) how=isolated ;; *"job ran in "*) how=plain ;; esac
	if [ $how = isolated ] && [ -e _work/_temp/mark ]; then how=seen; fi
	echo "$fallback $how $code $said" | tr '\n' ' '
	echo
done
`

// job is the runner's own Worker.
const job = `#!/bin/sh
touch "$(dirname "$0")/../_work/_temp/mark" 2>/dev/null
echo "job ran in $WORKER_WRAP_HOST_TEMP"
`

const unitOfAll = `[Service]
Type=oneshot
User=daemon
WorkingDirectory=@ROOT@
ExecStart=/bin/sh @ROOT@/runsvc.sh
StandardOutput=truncate:/srv/out/@NAME@
StandardError=truncate:/srv/out/@NAME@
`

// TestUnitsUnderSystemd runs Workers in services with each of the directives of the table, under this machine's systemd.
func TestUnitsUnderSystemd(t *testing.T) {
	t.Parallel()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "systemctl", "systemd")
	testUnits(t, "/")
}

// TestUnitsUnderSystemdOfTrixie does so under that of Debian 13, which sets no_new_privs less often.
func TestUnitsUnderSystemdOfTrixie(t *testing.T) {
	t.Parallel()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "systemctl", "systemd")
	testkit.RequireTool(t, "dpkg-deb", "dpkg")
	out, err := run(filepath.Join(testkit.Root(), "scripts", "lib", "debian-root"), "trixie")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if version := testUnits(t, strings.TrimSpace(out)); version < 255 {
		t.Errorf("that is systemd %d, and rows tell 255 and later from earlier ones", version)
	}
}

// testUnits returns the version of systemd in the root folder.
func testUnits(t *testing.T, root string) (version int) {
	dir := testkit.Dir(t)
	testkit.CopyProgram(t, testkit.Binary(t), filepath.Join(dir, "worker-wrap"))
	older := filepath.Join(dir, "older")
	testkit.CopyProgram(t, testkit.Binary(t), older)
	if out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", older).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	bareRoot(t, dir)
	files := map[string]string{"script": underUnits, "start": startTwo, "job": job, "wrapper": "#!/bin/sh\nexec \"$0.real\" \"$@\"\n"}
	for _, row := range unitTable {
		files["units/"+row.name] = unitOfAll + row.settings
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(filepath.Join(testkit.Root(), "scripts", "lib", "scratch-systemd"), "bash", filepath.Join(dir, "script"), dir)
	cmd.Env = append(os.Environ(), "SCRATCH_ROOT="+root, "SCRATCH_SHARE="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 77 {
		testkit.Skip(t, "%s", out)
	}
	if _, serr := fmt.Sscan(string(out), &version); err != nil || serr != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Logf("systemd %d", version)
	before, after := saidOf(t, dir, "first"), saidOf(t, dir, "second")
	installed, err := os.ReadFile(filepath.Join(dir, "installed"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range unitTable {
		t.Run(row.name, func(t *testing.T) {
			if _, err := os.Stat("/dev/loop-control"); err != nil && row.image {
				testkit.Skip(t, "no image can be mounted here: %v", err)
			}
			fate := row.since
			if version < 255 {
				fate = row.before
			}
			fate.check(t, &row, filepath.Join(dir, "first"), before)
			if left := strings.Contains(string(installed), ": /srv/"+row.name+" is left as it is"); left != (fate.blamed != "" && !row.read) {
				t.Errorf("an install has left it as it is: %v, of\n%s", left, installed)
			}
			if warned := strings.Contains(string(installed), "warning: /srv/"+row.name+": the unit "); warned != (fate.blamed != "" && row.read) {
				t.Errorf("an install has warned: %v, of\n%s", warned, installed)
			}
			if untried := strings.Contains(string(installed), "warning: /srv/"+row.name+": no start was tried as systemd starts the unit "); untried != row.read {
				t.Errorf("an install has tried no start: %v, of\n%s", untried, installed)
			}
			t.Log("and mended")
			works.check(t, &row, filepath.Join(dir, "second"), after)
		})
	}
	running, restarted := saidOf(t, dir, "running"), saidOf(t, dir, "restarted")
	for name, blamed := range map[string]string{
		"runs-nnp": "no_new_privs", "runs-bounded": "bounding set", "runs-filtered": "seccomp", "runs-ambient": "ambient", "runs": "service",
	} {
		well := name == "runs" || name == "runs-ambient" || name == "runs-filtered" && version >= 255
		if r := running["/srv/"+name]; r.Protected != well || r.status.Protected != r.Protected || !r.blames(blamed) {
			t.Errorf("%s, running: protected by doctor: %v, and by status: %v; it does not blame %q in %q", name, r.Protected, r.status.Protected, blamed, r.Checks)
		}
		if r := restarted["/srv/"+name]; !r.Protected || !r.status.Protected || r.blames(blamed) {
			t.Errorf("%s, restarted: protected by doctor: %v, and by status: %v; it blames %q in %q", name, r.Protected, r.status.Protected, blamed, r.Checks)
		}
	}
	refused, err := os.ReadFile(filepath.Join(dir, "unwrapped"))
	lines := strings.Split(strings.TrimSpace(string(refused)), "\n")
	for i, blamed := range []string{"gha@instance.service has NoNewPrivileges=yes", "gha@instance.service has NoNewPrivileges=yes", "led.service has RestrictNamespaces=yes"} {
		if err != nil || len(lines) <= i || !strings.Contains(lines[i], "no job of daemon ") || !strings.Contains(lines[i], "; the unit "+blamed) {
			t.Errorf("%v: not refused for %s: %q", err, blamed, lines)
		}
	}
	if strings.Contains(string(refused), "/srv/pool/other is left") {
		t.Errorf("refused: %q", lines)
	}
	return version
}

// bareRoot makes a root folder for a service, in which all but worker-wrap's place is empty, and an image of it. systemd 257
// mounts no ext2.
func bareRoot(t *testing.T, dir string) {
	t.Helper()
	bare := filepath.Join(dir, "bare")
	var errs []error
	for _, folder := range []string{"usr/bin", "usr/lib", "usr/lib64", "usr/local/lib/worker-wrap", "srv", "proc", "sys", "dev", "run", "tmp", "var"} {
		errs = append(errs, os.MkdirAll(filepath.Join(bare, folder), 0o755))
	}
	for _, link := range []string{"bin", "lib", "lib64"} {
		errs = append(errs, os.Symlink("usr/"+link, filepath.Join(bare, link)))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testkit.RequireTool(t, "mke2fs", "e2fsprogs"), "-q", "-t", "ext4", "-d", bare, filepath.Join(dir, "image"), "4M").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

type check struct{ Check, Level, Found, Mend string }

// said is what doctor and status say of a runner.
type said struct {
	Protected bool
	Checks    []check
	status    struct {
		Protected bool
		Why       string
	}
}

// blames reports whether a check by that name is not well.
func (s *said) blames(name string) bool {
	return slices.ContainsFunc(s.Checks, func(c check) bool { return c.Check == name && c.Level != "ok" })
}

// saidOf returns that of each runner, by its root, after a round.
func saidOf(t *testing.T, dir, round string) map[string]said {
	t.Helper()
	read := func(path string, into any) {
		data, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatalf("%v: %s", err, data)
		}
	}
	var report struct {
		Runners []struct {
			Root string
			said
		}
	}
	var status []struct {
		Root, Why string
		Protected bool
	}
	read(round+".json", &report)
	read(round+".status", &status)
	out := map[string]said{}
	for _, r := range report.Runners {
		out[r.Root] = r.said
	}
	for _, r := range status {
		s := out[r.Root]
		s.status.Protected, s.status.Why = r.Protected, r.Why
		out[r.Root] = s
	}
	return out
}

// check compares what came of a row with what the table says.
func (want unitFate) check(t *testing.T, row *unitRow, dir string, all map[string]said) {
	t.Helper()
	name := row.name
	says := all["/srv/"+name]
	checks := says.Checks
	printed, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	none, rest, _ := strings.Cut(string(printed), "\n")
	starts := []string{none, strings.TrimSpace(rest)}
	fate := want.starts
	if fate == "uncapable" { // as the file's capability is: all or nothing, or raised by the program
		fate = "CAP_SYS_ADMIN"
		if strings.HasPrefix(none, "none nothing 126 ") {
			fate = "cannot"
		}
	}
	for i, fallback := range []string{"none", "run"} {
		how, code := "isolated", 0
		switch {
		case fate == "isolated":
		case fallback == "none" || fate == "cannot" || fate == "missing":
			how, code = "nothing", 125
			switch fate {
			case "cannot":
				code = 126
			case "missing":
				code = 127
			}
		default:
			how = "plain"
		}
		if prefix := fmt.Sprintf("%s %s %d ", fallback, how, code); !strings.HasPrefix(starts[i], prefix) || code == 125 && !strings.Contains(starts[i], fate) {
			t.Errorf("want %q and %q, have %q", prefix, fate, starts[i])
		}
	}
	var problems []check
	named, tried, tries := false, "", "ok"
	if strings.Contains(row.settings, "\nRoot") { // which is never tried
		tries = "warning"
	}
	for _, c := range checks {
		if c.Check == "trial" {
			tried = c.Level
		}
		if c.Level == "problem" {
			problems = append(problems, c)
			named = named || strings.Contains(c.Found, want.blamed) && strings.Contains(c.Mend, want.mend)
		}
	}
	switch {
	case len(checks) == 0:
		t.Errorf("doctor says nothing of it")
	case want.blamed == "" && (len(problems) > 0 || tried != tries):
		t.Errorf("doctor sees a problem: %q", problems)
	case want.blamed != "" && (tried != "problem" && !row.read || !named):
		t.Errorf("doctor says %q, want a problem with %q and %q, and one of the trial", problems, want.blamed, want.mend)
	}
	if well := want.blamed == ""; says.Protected != well || says.status.Protected != well || (says.status.Why == "") != well {
		t.Errorf("protected by doctor: %v, and by status: %v, %q", says.Protected, says.status.Protected, says.status.Why)
	}
}
