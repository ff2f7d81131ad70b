package main

import "testing"

func TestInstallCommand(t *testing.T) {
	out := onMachine(t, `
sha256sum r/bin/* s/bin/* >before
code ./ww install --runner-root r --dry-run
echo "-- for real"
code ./ww install --runner-root r --runner-root s --runner-root r/
code worker-wrap install --runner-root r --runner-root s
getcap /usr/local/lib/worker-wrap/worker-wrap
echo "-- a job of nobody"
as nobody "$PWD/r/bin/Runner.Worker" -c 'cat /proc/$$/comm; test -z "$WORKER_WRAP_HOST_TEMP" && echo alone; grep Cap.ff /proc/self/status'
until grep -qs '"kind":"end"' r/_diag/worker-wrap.jsonl; do sleep 0.05; done
echo "-- found by the list"
code worker-wrap uninstall --all --dry-run
code worker-wrap uninstall --all
sha256sum -c before --quiet && echo unchanged
ls -A r/bin r/_diag r/_work s/bin s/_work
ls /usr/local/lib/worker-wrap /usr/local/bin/worker-wrap /var/lib/worker-wrap /etc/worker-wrap 2>&1 || true
cd r/_work
code ../../ww uninstall
`)
	compareLines(t, out, `would do: put worker-wrap in place as /usr/local/lib/worker-wrap/worker-wrap, owned by root, with the file capability cap_sys_admin=p
would do: make the link /usr/local/bin/worker-wrap
would do: $W/r/bin: keep the runner's own Worker as Runner.Worker.worker-wrap
would do: $W/r/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap
would do: $W/r/bin: put it in place of Runner.Worker
would do: $W/r/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name
would do: note $W/r in the list of runners that have worker-wrap
would do: set WORKER_WRAP_ISOLATE=alone in /etc/worker-wrap/settings: from its next start on a Worker that is alone is started as without worker-wrap
exit 0
-- for real
put worker-wrap in place as /usr/local/lib/worker-wrap/worker-wrap, owned by root, with the file capability cap_sys_admin=p
make the link /usr/local/bin/worker-wrap
$W/r/bin: keep the runner's own Worker as Runner.Worker.worker-wrap
$W/r/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap
$W/r/bin: put it in place of Runner.Worker
$W/r/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name
$W/s/bin: keep the runner's own Worker as Runner.Worker.worker-wrap
$W/s/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap
$W/s/bin: put it in place of Runner.Worker
$W/s/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name
note $W/r in the list of runners that have worker-wrap
note $W/s in the list of runners that have worker-wrap
set WORKER_WRAP_ISOLATE=alone in /etc/worker-wrap/settings: from its next start on a Worker that is alone is started as without worker-wrap
no systemd here: a runner's self-update takes the shim away, unless `+"`worker-wrap watch`"+` keeps running as the runner's user, or runsvc-worker-wrap.sh starts the runner
exit 0
nothing to do
exit 0
/usr/local/lib/worker-wrap/worker-wrap cap_sys_admin=p
-- a job of nobody
Runner.Worker
alone
CapEff:	0000000000000000
-- found by the list
would do: $W/r/bin: remove .worker-wrap/Runner.Worker
would do: $W/r/bin: put the runner's own Worker back in its place
would do: $W/r/bin: remove Runner.Worker.real
would do: remove the record of who was alone in $W/r/_work
would do: take $W/r off the list of runners that have worker-wrap
would do: $W/s/bin: remove .worker-wrap/Runner.Worker
would do: $W/s/bin: put the runner's own Worker back in its place
would do: $W/s/bin: remove Runner.Worker.real
would do: take $W/s off the list of runners that have worker-wrap
would do: remove /etc/worker-wrap/settings, which says WORKER_WRAP_ISOLATE=alone
would do: remove /usr/local/bin/worker-wrap
would do: remove /usr/local/lib/worker-wrap/worker-wrap
exit 0
$W/r/bin: remove .worker-wrap/Runner.Worker
$W/r/bin: put the runner's own Worker back in its place
$W/r/bin: remove Runner.Worker.real
remove the record of who was alone in $W/r/_work
take $W/r off the list of runners that have worker-wrap
$W/s/bin: remove .worker-wrap/Runner.Worker
$W/s/bin: put the runner's own Worker back in its place
$W/s/bin: remove Runner.Worker.real
take $W/s off the list of runners that have worker-wrap
remove /etc/worker-wrap/settings, which says WORKER_WRAP_ISOLATE=alone
remove /usr/local/bin/worker-wrap
remove /usr/local/lib/worker-wrap/worker-wrap
exit 0
unchanged
r/_diag:
worker-wrap.jsonl

r/_work:
_temp

r/bin:
Runner.Worker

s/_work:
_temp

s/bin:
Runner.Worker
ls: cannot access '/usr/local/lib/worker-wrap': No such file or directory
ls: cannot access '/usr/local/bin/worker-wrap': No such file or directory
ls: cannot access '/var/lib/worker-wrap': No such file or directory
ls: cannot access '/etc/worker-wrap': No such file or directory
nothing to do
exit 0
`)
}

func TestInstallCommandWithoutRoot(t *testing.T) {
	out := onMachine(t, `
code as nobody ./ww install --runner-root r
ls r/bin
echo "-- the binary is there"
./ww install --isolate always --runner-root s >/dev/null
code as nobody ./ww install --runner-root r
code as nobody ./ww install --isolate always --runner-root r
code as nobody ./ww install --bin-only --runner-root r
code as nobody ./ww install --runner-root s --bin-only
mv s/bin/Runner.Worker.real s/bin/Runner.Worker
code as nobody ./ww install --runner-root s --bin-only
cp -a s u && rm u/bin/Runner.Worker.worker-wrap
code as nobody ./ww install --runner-root u --bin-only
as nobody r/bin/Runner.Worker -c 'test -d "$WORKER_WRAP_HOST_TEMP" && echo own _temp'
echo "-- out again"
code as nobody ./ww uninstall --runner-root r
echo "-- the capability is lost"
setcap -r /usr/local/lib/worker-wrap/worker-wrap
code as nobody ./ww install --runner-root r
code ./ww install --runner-root r --bin-only
code ./ww watch --runner-root r
ls -A r/bin
`)
	compareLines(t, out, `needs root: worker-wrap is not installed as /usr/local/lib/worker-wrap/worker-wrap: sudo $W/ww install --runner-root $W/r
exit 1
Runner.Worker
-- the binary is there
no systemd here: a runner's self-update takes the shim away, unless `+"`worker-wrap watch`"+` keeps running as the runner's user, or runsvc-worker-wrap.sh starts the runner
$W/r/bin: keep the runner's own Worker as Runner.Worker.worker-wrap
$W/r/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap
$W/r/bin: put it in place of Runner.Worker
$W/r/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name
set WORKER_WRAP_ISOLATE=alone in $W/r/.worker-wrap.env: from its next start on a Worker that is alone is started as without worker-wrap
needs root: $W/r is not yet kept through the runner's self-updates, and a removal of worker-wrap would not find it: sudo $W/ww install --runner-root $W/r
exit 1
set WORKER_WRAP_ISOLATE=always in $W/r/.worker-wrap.env
needs root: $W/r is not yet kept through the runner's self-updates, and a removal of worker-wrap would not find it: sudo $W/ww install --runner-root $W/r
exit 1
nothing to do
exit 0
nothing to do
exit 0
needs root: $W/s is not yours to change: sudo $W/ww install --runner-root $W/s
exit 1
needs root: $W/u is not yours to change: sudo $W/ww install --runner-root $W/u
exit 1
own _temp
-- out again
$W/r/bin: remove .worker-wrap/Runner.Worker
$W/r/bin: put the runner's own Worker back in its place
$W/r/bin: remove Runner.Worker.real
remove $W/r/.worker-wrap
remove $W/r/.worker-wrap.env, which says WORKER_WRAP_ISOLATE=always
exit 0
-- the capability is lost
needs root: /usr/local/lib/worker-wrap/worker-wrap lacks the file capability cap_sys_admin=p: sudo $W/ww install --runner-root $W/r
exit 1
needs root: /usr/local/lib/worker-wrap/worker-wrap lacks the file capability cap_sys_admin=p: sudo $W/ww install --runner-root $W/r
exit 1
worker-wrap: /usr/local/lib/worker-wrap/worker-wrap lacks the file capability cap_sys_admin=p: sudo $W/ww install
exit 1
Runner.Worker
`)
}

// TestInstallCommandRefuses: what makes no sense, and places that would do no good, cost one line.
func TestInstallCommandRefuses(t *testing.T) {
	out := onMachine(t, `
mkdir nosuid && mount -t tmpfs -o nosuid tmpfs nosuid
code ./ww install --runner-root r --prefix nosuid
mount -o remount,suid,noexec tmpfs nosuid
code ./ww install --runner-root r --prefix nosuid/x
umount nosuid
code ./ww install --runner-root nosuid
code ./ww install r
code ./ww install --all --runner-root r
code ./ww uninstall
code ./ww watch --runner-root r --while-pid -1
cp ww r/bin/Runner.Worker
code ./ww install --runner-root r
code ./ww uninstall --runner-root r
ls -A r/bin
`)
	compareLines(t, out, `worker-wrap: $W/nosuid is on a file system mounted nosuid, so a file capability counts for nothing there: choose another place with --prefix DIR
exit 1
worker-wrap: $W/nosuid is on a file system mounted noexec: choose another place with --prefix DIR
exit 1
worker-wrap: open $W/nosuid/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh
exit 1
worker-wrap: "r" is not an option; name a runner with --runner-root r
exit 125
worker-wrap: --all and --runner-root exclude each other; give one
exit 125
worker-wrap: no runner found: there is no .runner in $W and the folders above it; say which with --runner-root DIR, or --all for every runner of this machine
exit 1
worker-wrap: --until-quiet and --while-pid take no negative numbers
exit 125
put worker-wrap in place as /usr/local/lib/worker-wrap/worker-wrap, owned by root, with the file capability cap_sys_admin=p
make the link /usr/local/bin/worker-wrap
note $W/r in the list of runners that have worker-wrap
worker-wrap: $W/r/bin/Runner.Worker is worker-wrap, and the runner's own Worker, which should be Runner.Worker.real beside it, is gone: no job can start; unpack the runner's release of the same version again over $W/r, then run worker-wrap install
exit 1
worker-wrap: $W/r/bin/Runner.Worker is worker-wrap, and the runner's own Worker, which should be Runner.Worker.real beside it, is gone: no job can start; unpack the runner's release of the same version again over $W/r, then run worker-wrap install
exit 1
Runner.Worker
`)
}
