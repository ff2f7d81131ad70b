package main

import (
	"strings"
	"testing"
)

// release is a shell script that makes j, an unpacked release of nobody's that is not configured.
const release = tree + `
mkdir -p j/bin
cp /bin/sh j/bin/Runner.Worker
cp /bin/true j/bin/Runner.Listener
echo '#!/bin/bash' >j/run.sh
chown -R nobody: j
tree j >before
unchanged() {
	tree j >after
	cmp before after && echo unchanged
}
`

// TestInstallIntoRelease: an image is built of a release before there is a .runner. It takes the shim, a start finds
// the .runner that is there by then, and an uninstall leaves no trace.
func TestInstallIntoRelease(t *testing.T) {
	out := onMachine(t, release+`
code setpriv --no-new-privs ./ww install --runner-root j 2>&1 | grep -o 'no_new_privs is set\|exit.*'
unchanged
code ./ww install --isolate always --runner-root j 2>/dev/null
ls -A j
code worker-wrap install --runner-root j
echo "-- looked at"
worker-wrap doctor --runner-root j | grep -oE '. configuration .*release|✓ shim +in place|✓ trial +.* through|.*is protected.*' | sed 's/^✓/ ✓/'
worker-wrap status | grep -o "/j  *yes"
code worker-wrap watch --runner-root j --until-quiet 100ms
code worker-wrap gc --runner-root j
code as nobody j/bin/Runner.Worker 2>&1 | grep -o 'is not in a configured runner\|exit.*'
echo "-- a job"
echo '{"workFolder": "work"}' >j/.runner # run.sh --jitconfig
as nobody mkdir j/_diag j/work
code as nobody j/bin/Runner.Worker -c 'case $WORKER_WRAP_HOST_TEMP in */j/.worker-wrap/*) echo own _temp ;; esac'
rm -r j/.runner j/work/_temp
echo "-- out again"
worker-wrap uninstall --all | grep -c '/j/bin'
rm -r j/work j/_diag
unchanged
ls /usr/local/lib/worker-wrap 2>&1 || true
`)
	compareLines(t, squeezed(out), `no_new_privs is set
exit 1
unchanged
put worker-wrap in place as /usr/local/lib/worker-wrap/worker-wrap, owned by root, with the file capability cap_sys_admin=p
make the link /usr/local/bin/worker-wrap
$W/j/bin: keep the runner's own Worker as Runner.Worker.worker-wrap
$W/j/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap
$W/j/bin: put it in place of Runner.Worker
$W/j/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name
note $W/j in the list of runners that have worker-wrap
set WORKER_WRAP_ISOLATE=always in $W/j/.worker-wrap.env
exit 0
.worker-wrap.env
bin
run.sh
nothing to do
exit 0
-- looked at
 ✓ configuration none yet: an unpacked release
 ✓ shim in place
 ✓ trial a process of nobody was started through
the runner is protected; see the warnings (!) above
/j yes
worker-wrap: watching $W/j
exit 0
nothing to collect: nobody has left a private folder here
exit 0
is not in a configured runner
exit 125
-- a job
own _temp
exit 0
-- out again
3
unchanged
ls: cannot access '/usr/local/lib/worker-wrap': No such file or directory
`)
}

// TestInstallFindsRelease: --all finds a release where people unpack runners, and of what is no whole release is said
// what makes one.
func TestInstallFindsRelease(t *testing.T) {
	out := onMachine(t, release+`
for lacks in run.sh bin/Runner.Listener bin/Runner.Worker; do
	cp -a j k
	rm k/$lacks
	code ./ww install --runner-root k
	echo '#!/bin/sh' >k/$lacks # a script is no program of a release
	code ./ww install --runner-root k 2>&1 | grep -c 'nor an unpacked release' || true
	rm -r k
done
cp -a j /opt/j
code ./ww install --all 2>/dev/null | grep -o '/opt/j/bin: put it in place.*'
cd /opt/j/bin
code worker-wrap install
code worker-wrap uninstall | grep -o 'put the.*back.*'
`)
	const none = "worker-wrap: open $W/k/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh\nexit 1\n"
	compareLines(t, out, none+"0\n"+none+"1\n"+none+"1\n"+strings.TrimPrefix(`
/opt/j/bin: put it in place of Runner.Worker
nothing to do
exit 0
put the runner's own Worker back in its place
`, "\n"))
}
