package main

import (
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDoctorSeesAWatch that was started as the README says: in the runner's folder, as its user. The kernel shows
// that user nothing of a process that has gained a capability, until the process allows it.
func TestDoctorSeesAWatch(t *testing.T) {
	out := onMachine(t, `
./ww install --runner-root r >/dev/null 2>&1
root=$PWD/r
doctor() { "$@" worker-wrap doctor --runner-root $root | grep -A2 ' updates ' | grep -v '✓ [ipw]' | sed -E 's/PID [0-9]+/PID N/; s/^ *//' || true; }
doctor env
mkfifo said
cd r
`+testkit.UserLine("nobody", "nogroup")+` worker-wrap watch 2>../said &
cd /
exec 3<$root/../said
while read -r line <&3; do
	case $line in *" watching $root") break ;; esac
done
doctor env
doctor as nobody
kill $!
`)
	const seen = "✓ updates      worker-wrap watch (PID N) puts the shim into each new version\n"
	compareLines(t, out, `! updates      nothing puts the shim back when the runner updates itself
the new version's Workers run unprotected from then on
→ start the runner by runsvc-worker-wrap.sh, or keep this running as its user: worker-wrap watch --runner-root $W/r
`+seen+seen)
}

// TestWatchInTheJournal: what a run of the unit has to say is one line, with its priority, and one name of the program,
// whoever has started it.
func TestWatchInTheJournal(t *testing.T) {
	out := onMachine(t, `
./ww install --isolate always --runner-root r >/dev/null 2>&1
touch said
export JOURNAL_STREAM=$(stat -c %d:%i said)
watch() { "$@" watch --until-quiet 50ms --runner-root r 2>said; sed -E "s/ for [0-9]+s: / for N s: /" said; }
watch sh -c 'SYSTEMD_EXEC_PID=$$ exec worker-wrap "$@"' sh
watch env SYSTEMD_EXEC_PID=1 worker-wrap
mv r/bin/Runner.Worker.real r/bin/Runner.Worker
watch sh -c 'SYSTEMD_EXEC_PID=$$ exec worker-wrap "$@"' sh
for quiet in "" "--until-quiet 50ms"; do
	code sh -c 'SYSTEMD_EXEC_PID=$$ exec worker-wrap watch '"$quiet"' --runner-root none' 2>said
	cat said
done
`)
	compareLines(t, out, `<6>watched $W/r for N s: nothing had to be done
<6>worker-wrap: watched $W/r for N s: nothing had to be done
<6>watched $W/r for N s: $W/r/bin: keep the runner's own Worker as Runner.Worker.real; $W/r/bin: make .Runner.Worker.worker-wrap, which starts /usr/local/lib/worker-wrap/worker-wrap; $W/r/bin: put it in place of Runner.Worker
exit 1
<3>open $W/none/.runner: no such file or directory: that is not a configured runner, nor an unpacked release of one (run.sh, bin/Runner.Listener and bin/Runner.Worker); give the folder that has config.sh
exit 0
<6>no runner is in $W/none: watched no longer
`)
}
