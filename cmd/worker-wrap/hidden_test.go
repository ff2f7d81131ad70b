package main

import "testing"

// TestWhoMayNotLook: whoever may not look into a living Worker is told so, and what lets them, and nothing of that Worker
// that is not known. Its runner's event log tells how it was started, unless that is gone.
func TestWhoMayNotLook(t *testing.T) {
	out := onMachine(t, `
./ww install --isolate always --runner-root r >/dev/null 2>&1
mkfifo began end
chmod 666 began end
as nobody "$PWD/r/bin/Runner.Worker" -c 'echo $$ >began; read -r _ <end' &
read -r pid <began
few() { # newer kernels let CAP_SYS_ADMIN and CAP_PERFMON read an environment, too
	setpriv --bounding-set -sys_ptrace,-sys_admin,-perfmon --inh-caps -sys_ptrace,-sys_admin,-perfmon "$@"
}
says() {
	"$@" >said 2>&1 || :
	for part in 'private' 'cannot be told' 'plain _temp' 'no _temp' 'not a wrapped' 'no wrapped Worker is alive among' 'sudo shows' 'with --cap-add SYS_PTRACE'; do
		if grep -q -- "$part" said; then printf ' %s;' "$part"; fi
	done
	echo
}
for log in kept gone; do
	echo "the log is $log"
	echo "status, a third user:" $(says as daemon ./ww status --runner-root r)
	echo "status, root:" $(says few ./ww status --runner-root r)
	echo "ps:" $(says few ./ww ps)
	echo "enter latest:" $(says few ./ww enter latest -- true)
	echo "enter PID:" $(says few ./ww enter $pid -- true)
	rm -f r/_diag/worker-wrap.jsonl
done
echo >end
wait
`)
	compareLines(t, out, `the log is kept
status, a third user: private; sudo shows;
status, root: private; with --cap-add SYS_PTRACE;
ps: private; with --cap-add SYS_PTRACE;
enter latest: with --cap-add SYS_PTRACE;
enter PID: with --cap-add SYS_PTRACE;
the log is gone
status, a third user: cannot be told; sudo shows;
status, root: cannot be told; with --cap-add SYS_PTRACE;
ps: no wrapped Worker is alive among; with --cap-add SYS_PTRACE;
enter latest: no wrapped Worker is alive among; with --cap-add SYS_PTRACE;
enter PID: cannot be told; with --cap-add SYS_PTRACE;
`)
}
