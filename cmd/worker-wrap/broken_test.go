package main

import (
	"strings"
	"testing"
)

// TestUninstallCommandWithoutConfig does what a Worker says that finds no .runner above it: uninstall, there or by its
// root or with all others.
func TestUninstallCommandWithoutConfig(t *testing.T) {
	out := onMachine(t, `
./ww install --runner-root r --runner-root s >/dev/null 2>&1
rm r/.runner
as nobody r/bin/Runner.Worker -c true 2>&1 | grep -o 'run config.sh.*'
code worker-wrap install --runner-root r
code worker-wrap uninstall --runner-root s
test -x r/bin/Runner.Worker && echo "the binary is there"
cd r/_diag
code worker-wrap uninstall --dry-run
cd ../..
code worker-wrap uninstall --runner-root r --dry-run
echo "-- for real"
mv r/_work r/data
code worker-wrap uninstall --all
r/bin/Runner.Worker -c 'echo its own Worker'
ls /usr/local/lib/worker-wrap /var/lib/worker-wrap 2>&1 || true
code ./ww uninstall --runner-root r/data
`)
	const would = `would do: $W/r/bin: remove .worker-wrap/Runner.Worker
would do: $W/r/bin: put the runner's own Worker back in its place
would do: $W/r/bin: remove Runner.Worker.real
would do: take $W/r off the list of runners that have worker-wrap
would do: remove /etc/worker-wrap/settings, which says WORKER_WRAP_ISOLATE=alone
would do: remove /usr/local/bin/worker-wrap
would do: remove /usr/local/lib/worker-wrap/worker-wrap
exit 0
`
	compareLines(t, out, `run config.sh there, or give the runner its own Worker back: worker-wrap uninstall
worker-wrap: open $W/r/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh
exit 1
$W/s/bin: remove .worker-wrap/Runner.Worker
$W/s/bin: put the runner's own Worker back in its place
$W/s/bin: remove Runner.Worker.real
take $W/s off the list of runners that have worker-wrap
exit 0
the binary is there
`+would+would+`-- for real
$W/r/bin: remove .worker-wrap/Runner.Worker
$W/r/bin: put the runner's own Worker back in its place
$W/r/bin: remove Runner.Worker.real
take $W/r off the list of runners that have worker-wrap
remove /etc/worker-wrap/settings, which says WORKER_WRAP_ISOLATE=alone
remove /usr/local/bin/worker-wrap
remove /usr/local/lib/worker-wrap/worker-wrap
left: what Workers left in the work folder of $W/r (.worker-wrap, beside _temp): .runner does not tell where that is, and it is not $W/r/_work
exit 0
its own Worker
ls: cannot access '/usr/local/lib/worker-wrap': No such file or directory
ls: cannot access '/var/lib/worker-wrap': No such file or directory
worker-wrap: open $W/r/data/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh
exit 1
`)
}

// TestBrokenRunnerHidesNoOther: one whose .runner makes no sense, or may not be read, is named once, counts as not
// protected and costs the exit status; the others are served.
func TestBrokenRunnerHidesNoOther(t *testing.T) {
	out := onMachine(t, `
mv s /opt/broken
echo { >/opt/broken/.runner
./ww install --runner-root r >/dev/null 2>&1
cp r/bin/Runner.Worker.real /opt/broken/bin/Runner.Worker
code ./ww install --all
cd /opt/broken
for command in 'status' 'gc' 'doctor' 'install --all'; do
	echo "-- $command"
	code worker-wrap $command >../out 2>&1
	grep -E '^worker-wrap|^exit|^nothing|broken|are protected|configuration' ../out
done
echo "-- nobody may read it"
chmod 600 .runner
for command in 'status' 'doctor' 'install --all'; do
	code as nobody worker-wrap $command >../out 2>&1
	grep -E '^worker-wrap|^exit|broken|are protected|configuration' ../out
done
echo "-- a folder that may not be searched"
mkdir -m 700 /opt/closed && mv /opt/broken /opt/closed/runner
echo /opt/closed/runner >>/var/lib/worker-wrap/runners
cd /opt/closed
code as nobody worker-wrap status >/opt/out 2>&1
grep -E '^worker-wrap|^exit|closed' /opt/out
echo "-- named"
cd /
for command in status doctor; do
	code worker-wrap $command --runner-root /opt/closed/runner >/opt/out 2>&1
	grep -E '^worker-wrap|^exit|closed|protected' /opt/out
done
for command in gc install; do
	code worker-wrap $command --runner-root /opt/closed/runner
done
code as nobody worker-wrap status --runner-root /opt/closed/runner >/opt/out 2>&1
grep -E '^worker-wrap|^exit|closed' /opt/out
`)
	const reason = ".runner: not the JSON that config.sh writes: unexpected end of JSON input; correct it, or configure the runner again (config.sh)"
	const all = "worker-wrap: /opt/broken/" + reason + "\nexit 1\n"
	const named = "worker-wrap: /opt/closed/runner/" + reason + "\nexit 1\n"
	compareLines(t, squeezed(out), squeezed(all+`-- status
/opt/broken                             NO         ?         ?        root    0        none on record
/opt/broken:
  not protected: /opt/broken/`+reason+` (see worker-wrap doctor)
exit 2
-- gc
worker-wrap: left out: /opt/broken/`+reason+`
nothing to collect: nobody has left a private folder here
exit 1
-- doctor
Runner /opt/broken (version unknown, user root)
  ✗ configuration  /opt/broken/.runner: not the JSON that config.sh writes: unexpected end of JSON input;
1 of 2 runners are protected; what has to be mended is marked ✗ above
exit 2
-- install --all
`+all+`-- nobody may read it
/opt/broken                             ?          ?         ?        root    0        none on record
/opt/broken:
  cannot be told: open /opt/broken/.runner: permission denied (see worker-wrap doctor)
exit 1
Runner /opt/broken (version unknown, user root)
  ! configuration  open /opt/broken/.runner: permission denied
                     whether its jobs are protected cannot be told
                     → sudo worker-wrap doctor --runner-root /opt/broken
1 of 2 runners are protected; see the warnings (!) above
exit 1
worker-wrap: open /opt/broken/.runner: permission denied: only the runner's user and root can tell; use sudo
exit 1
-- a folder that may not be searched
/opt/closed/runner                      ?          ?         ?        ?       0        none on record
/opt/closed/runner:
  cannot be told: open /opt/closed/runner/.runner: permission denied (see worker-wrap doctor)
exit 1
-- named
/opt/closed/runner  NO         ?        ?        root  0        none on record
/opt/closed/runner:
  not protected: /opt/closed/runner/`+reason+` (see worker-wrap doctor)
exit 2
Runner /opt/closed/runner (version unknown, user root)
  ✗ configuration  /opt/closed/runner/.runner: not the JSON that config.sh writes: unexpected end of JSON
the runner is not protected; what has to be mended is marked ✗ above
exit 2
worker-wrap: left out: /opt/closed/runner/`+reason+`
nothing to collect: nobody has left a private folder here
exit 1
`+named+`/opt/closed/runner  ?          ?        ?        ?     0        none on record
/opt/closed/runner:
  cannot be told: open /opt/closed/runner/.runner: permission denied (see worker-wrap doctor)
exit 1
`))
}

// TestCommandsThatNeedNoFolder: a current folder that was removed is in nobody's way who has said which runner is meant.
func TestCommandsThatNeedNoFolder(t *testing.T) {
	out := onMachine(t, `
./ww install --runner-root r --runner-root s >/dev/null 2>&1
W=$PWD
mkdir gone && cd gone && rmdir ../gone
for command in status gc 'install --all' "doctor --runner-root $W/r" 'install' 'uninstall' 'watch' 'gc --runner-root r'; do
	echo "-- $command"
	code worker-wrap $command >$W/out 2>&1
	grep -E '^worker-wrap|^exit|^nothing' $W/out
done
cd $W
code worker-wrap status --runner-root r --runner-root s/ --runner-root $W/r | cut -d' ' -f1
`)
	const folder = "cannot tell the current folder: getwd: no such file or directory; cd "
	const choose = "worker-wrap: " + folder + "to a runner, or say which with --runner-root DIR, or --all for every runner of this machine\nexit 1\n"
	compareLines(t, out, `-- status
exit 0
-- gc
nothing to collect: nobody has left a private folder here
exit 0
-- install --all
nothing to do
exit 0
-- doctor --runner-root $W/r
exit 1
-- install
`+choose+`-- uninstall
`+choose+`-- watch
`+choose+`-- gc --runner-root r
worker-wrap: --runner-root r: `+folder+`elsewhere, or give the whole path
exit 125
RUNNER
$W/r
$W/s
exit
`)
}

// TestNoRunnerThere: every subcommand has the same words for a folder that is not a runner.
func TestNoRunnerThere(t *testing.T) {
	out := onMachine(t, `
for command in install uninstall watch doctor status gc; do code ./ww $command --runner-root r/bin; done
`)
	const want = `worker-wrap: open $W/r/bin/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh
exit 1
`
	looks := strings.ReplaceAll(want, "exit 1", "exit 125") // an exit status of doctor's up to 2 says how the runners are
	compareLines(t, out, want+want+want+looks+looks+looks)
}

// squeezed makes one blank of several: how wide a column is depends on the path of the scratch folder.
func squeezed(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}
