package main

import "testing"

// TestDoctorAndWorkersAgree: what doctor says of the work folder is what becomes of a job there.
func TestDoctorAndWorkersAgree(t *testing.T) {
	out := onMachine(t, `
./ww install --isolate always --runner-root r >/dev/null 2>&1
store=r/.worker-wrap
try() {
	job=runs && as nobody env WORKER_WRAP_FALLBACK=none r/bin/Runner.Worker -c true 2>/dev/null || job=fails
	worker-wrap doctor --runner-root r >out 2>&1 || true
	echo "$1: $job, $(tail -1 out | cut -d';' -f1)"
	grep -A4 '✗ work folder' out | grep -o '→.*' || true
	rm -rf $store r/_work/_temp && { as nobody mkdir -p r/_work/_temp 2>/dev/null || true; }
}
try "as it is"
mkdir -m 777 $store; try "root's store, for all"
mkdir -m 755 $store; try "root's store"
mkdir -m 500 $store; chown nobody $store; try "a closed store of its own"
mkdir -m 755 $store; chown 61234 $store; try "somebody's store"
touch $store; try "a file for a store"
mkdir elsewhere; chown nobody elsewhere; ln -s ../../elsewhere $store; try "a link for a store"
rmdir r/_work/_temp; touch r/_work/_temp; try "a file for _temp"
rmdir r/_work/_temp; ln -s nowhere r/_work/_temp; try "a link to nothing for _temp"
chown root r/_work; try "a closed work folder"
configure() { echo '{"workFolder": "'$PWD/$1'"}' >r/.runner && chown nobody r/.runner; }
configure disk/ci/work; try "a work folder whose disk is not mounted"
said() { "$@" doctor --json --runner-root r | sed -n 's/.*"found": "\(.*\(does not exist\|scratch folder\).*\)",*$/\1/p'; }
said worker-wrap
worker-wrap install --runner-root r 2>&1 | grep 'no job' || true
ln -s nowhere link; configure link; try "a work folder that is a link to nothing"
configure link/work; try "a work folder below it"
mkdir -m 777 open; configure open/ci/work; said worker-wrap; try "one that its user can make"
`)
	compareLines(t, out, `as it is: runs, the runner is protected
root's store, for all: runs, the runner is protected
root's store: runs, the runner is protected
a closed store of its own: runs, the runner is protected
somebody's store: runs, the runner is protected
a file for a store: runs, the runner is protected
a link for a store: runs, the runner is protected
a file for _temp: fails, the runner is not protected
→ sudo mv $W/r/_work/_temp $W/r/_work/_temp.old
a link to nothing for _temp: fails, the runner is not protected
→ make the folder it leads to, or remove the link: sudo rm $W/r/_work/_temp
a closed work folder: runs, the runner is protected
a work folder whose disk is not mounted: fails, the runner is not protected
→ mount the file system that it is on; if there is none, sudo install -d -o nobody $W/disk/ci/work
$W/disk/ci/work does not exist, and nobody cannot make it, as $W belongs to uid 0 and has mode 0755
a process of nobody was started through /usr/local/lib/worker-wrap/worker-wrap in a scratch folder, as $W/disk/ci/work does not exist yet: its _temp was its own, and not to be seen from outside
worker-wrap: warning: $W/r: no job can run: $W/disk/ci/work does not exist, and nobody cannot make it, as $W belongs to uid 0 and has mode 0755: mount the file system that it is on; if there is none, sudo install -d -o nobody $W/disk/ci/work
a work folder that is a link to nothing: fails, the runner is not protected
→ make the folder it leads to, or remove the link: sudo rm $W/link
a work folder below it: fails, the runner is not protected
→ mount the file system that it is on; if there is none, have $W/link be one
$W/open/ci/work does not exist yet, and will be on overlay
a process of nobody was started through /usr/local/lib/worker-wrap/worker-wrap in a scratch folder, as $W/open/ci/work does not exist yet: its _temp was its own, and not to be seen from outside
one that its user can make: runs, the runner is protected
`)
}

// TestMendStartsAProgramThatIsThere: what doctor says to type is found, before an install and after its binary is gone.
func TestMendStartsAProgramThatIsThere(t *testing.T) {
	out := onMachine(t, `
mend() {
	"$@" doctor --runner-root r >out 2>&1 || true
	sed -n 's/^ *→ sudo \(.* install .*\)/\1/p' out | tee mend
	code sh -c '. ./mend >/dev/null 2>&1'
}
"$PWD/ww" status --runner-root r | sed -n 's/.*(see/see/p'
mend ./ww
rm r/bin/Runner.Worker
mend worker-wrap
rm /usr/local/lib/worker-wrap/worker-wrap
mend ./ww
`)
	compareLines(t, out, `see $W/ww doctor)
$W/ww install --runner-root $W/r
exit 0
worker-wrap install --runner-root $W/r
exit 0
$W/ww install --runner-root $W/r
exit 0
`)
}
