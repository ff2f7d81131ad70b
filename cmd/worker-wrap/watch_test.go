package main

import "testing"

// TestDoctorSeesAWatch that was started as the README says: in the runner's folder, as its user.
func TestDoctorSeesAWatch(t *testing.T) {
	out := onMachine(t, `
./ww install --runner-root r >/dev/null 2>&1
root=$PWD/r
doctor() { "$@" worker-wrap doctor --runner-root $root | grep -A2 ' updates ' | grep -v '✓ [pw]' | sed -E 's/PID [0-9]+/PID N/; s/^ *//' || true; }
doctor env
cd r
setpriv --reuid nobody --regid nogroup --clear-groups worker-wrap watch 2>/dev/null &
cd /
until grep -qs watch /proc/$!/cmdline; do sleep 0.01; done
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
