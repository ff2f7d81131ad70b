package main

import (
	"strings"
	"testing"
)

// doctorRows are states that a runner of nobody's can be in: what makes it so, what a job of the runner gets then and
// whether doctor says that it is protected; the same after all mends that doctor prints have been run as printed.
var doctorRows = []struct{ name, make, want string }{
	{"well", `:`, "isolated true"},
	{"a wrapper below", `printf '#!/bin/sh\nexec /bin/sh "$@"\n' >r/bin/Runner.Worker.real`, "isolated true"},
	{"a wrapper above", `mv r/bin/Runner.Worker r/bin/Runner.Worker.real; printf '#!/bin/sh\nexec "$0.real" "$@"\n' >r/bin/Runner.Worker; chmod 755 r/bin/Runner.Worker`, "isolated true"},
	{"older capability", `setcap cap_sys_admin+ep $place`, "isolated true"},
	{"no capability", `setcap -r $place`, "plain false, mended: isolated true"},
	{"no capability, to run", `setcap -r $place; echo WORKER_WRAP_FALLBACK=run >>r/.worker-wrap.env`, "plain false, mended: isolated true"},
	{"no capability, to end", `setcap -r $place; echo WORKER_WRAP_FALLBACK=none >>r/.worker-wrap.env`, "refused false, mended: isolated true"},
	{"mode", `chmod 700 $place`, "refused false, mended: isolated true"},
	{"barred", `chmod 700 /usr/local/lib`, "refused false, mended: isolated true"},
	{"nosuid", `mount -t tmpfs -o nosuid,mode=755 x ${place%/*}; cp ww $place; setcap cap_sys_admin=p $place`, "plain false, mended: isolated true"},
	{"noexec", `mount -t tmpfs -o noexec,mode=755 x ${place%/*}; cp ww $place; setcap cap_sys_admin=p $place`, "refused false, mended: isolated true"},
	{"no binary", `rm $place`, "refused false, mended: isolated true"},
	{"not wrapped", `mv r/bin/Runner.Worker.real r/bin/Runner.Worker`, "plain false, mended: isolated true"},
	{"another's _temp", `chown 61234 r/_work/_temp`, "plain false, mended: isolated true"},
	{"another's stores", `for s in r r/_work; do mkdir $s/.worker-wrap; chown 61234 $s/.worker-wrap; done`, "plain false, mended: isolated true"},
	{"no store", `touch r/.worker-wrap r/_work/.worker-wrap`, "plain false, mended: isolated true"},
	{"one store only", `touch r/_work/.worker-wrap`, "isolated true"},
	{"the other store only", `touch r/.worker-wrap`, "isolated true"},
	{"closed", `chown root r/_work; chmod 755 r/_work`, "isolated true"},
	{"read-only", `mount -t tmpfs -o mode=777 x r/_work; mkdir r/_work/_temp; chown nobody r/_work/_temp; mount -o remount,ro r/_work`, "plain false, mended: isolated true"},
	{"a link to its own", `mv r/_work/_temp r/t; ln -s ../t r/_work/_temp; chown -h nobody r/_work/_temp`, "isolated true"},
	{"a setting", `echo WORKER_WRAP_WAIT=x >>r/.worker-wrap.env`, "refused false, mended: refused false"}, // that needs a hand
	{"in memory", `echo WORKER_WRAP_BACKING=tmpfs >>r/.worker-wrap.env`, "isolated true"},
	{"a socket of a group", socket, "isolated true, after the mend of ! docker: ✓ docker, 1 proxy"},
}

// socket makes one that is in Docker's place, and not the runner's user's to use.
const socket = `
	groupadd sockets
	perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("/run/docker.sock")) or die'
	chgrp sockets /run/docker.sock
	chmod 660 /run/docker.sock`

// TestDoctorSaysWhatJobsGet: doctor's verdict is what a job of the runner gets, in each of these states. Each command
// that it prints for a problem mends that. What status says is the same, and an install then has nothing to refuse.
func TestDoctorSaysWhatJobsGet(t *testing.T) {
	script := `
./ww install --isolate always --runner-root r >/dev/null 2>&1
cp -a r clean
base=$PWD place=/usr/local/lib/worker-wrap/worker-wrap
mkdir tools
printf '#!/bin/sh\nexec "$@"\n' >tools/sudo
chmod 755 tools/sudo
ln ww tools/worker-wrap
PATH=$base/tools:$PATH
job() {
	said=$(as nobody "$base/r/bin/Runner.Worker" -c 'echo "in $WORKER_WRAP_HOST_TEMP."' 2>/dev/null) || :
	case $said in
	*"in "*/.worker-wrap/*) echo isolated ;;
	*"in "*) echo plain ;;
	*) echo refused ;;
	esac
}
verdict() {
	"$base/ww" doctor --runner-root "$base/r" >said || :
	is=false state=false
	if grep -q '^the runner is protected' said; then is=true; fi
	"$base/ww" status --runner-root "$base/r" >state 2>&1 || :
	if sed -n 2p state | grep -q ' yes '; then state=true; fi
	echo $is
	[ $is = $state ] || cat state
}
row() {
	cd "$base"
	umount -l r/_work ${place%/*} 2>/dev/null || : # what a keeper became may still sweep there
	rm -rf r
	cp -a clean r
	chmod 755 /usr/local/lib
	cp --remove-destination ww $place # a keeper can still run the one before
	chmod 755 $place
	setcap cap_sys_admin=p $place
	eval "$2"
	was="$(job) $(verdict)"
	if [ "${was#* }" = false ]; then
		case $was in plain*) ! grep "job was not started" said || echo "though it ran" ;; esac
		awk '/^  (✓|!|✗) / { bad = /^  ✗/ } bad && sub(/^ *→ sudo /, "sudo ")' said >mends
		sh ./mends >mended 2>&1 || :
		cd "$base"
		was="$was, mended: $(job) $(verdict)"
	fi
	if grep -q '^  ! docker' said; then
		awk '/^  (✓|!|✗) / { bad = /^  ! docker/ } bad && sub(/^ *→ sudo /, "sudo ")' said >mends
		sh ./mends >mended 2>&1 || :
		verdict >/dev/null
		proxies=$(setpriv --reuid nobody --regid nogroup --init-groups sh -c 'exec "$@"' sh "$base/r/bin/Runner.Worker" -c 'grep -c "worker-wrap.*docker.sock" /proc/self/mountinfo') || :
		was="$was, after the mend of ! docker: $(grep -o '[^ ] docker' said), $proxies proxy"
	fi
	case $was in
	*true) "$base/ww" install --isolate always --runner-root "$base/r" >installed 2>&1 || was="$was, but $(cat installed)" ;;
	esac
	echo "$1: $was"
}
`
	want := ""
	for _, r := range doctorRows {
		script += "row '" + r.name + "' '" + strings.ReplaceAll(r.make, "'", `'\''`) + "'\n"
		want += r.name + ": " + r.want + "\n"
	}
	// The names are in quotes too.
	script = strings.NewReplacer("another's", `another'\''s`).Replace(script)
	compareLines(t, onMachine(t, script), want)
}
