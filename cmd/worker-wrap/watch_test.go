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
