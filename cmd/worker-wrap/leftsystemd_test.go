package main

import (
	"os"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestLeftUnderSystemd holds rows of the table in docs/left.md for which it takes a service: whether a process is in the
// service's control group still, and whether it is found by the mount namespace. What systemd starts at the job's wish is
// in neither.
func TestLeftUnderSystemd(t *testing.T) {
	testkit.RequireRoot(t)
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		testkit.Skip(t, "needs systemd (Debian package systemd)")
	}
	out := inMachine(t, "scratch-systemd", `
./ww install --isolate alone --runner-root s >/dev/null 2>&1
echo WORKER_WRAP_LEFTOVERS=list >>s/.worker-wrap.env
cat >job <<'end'
sleep 1061 &
setsid sleep 1062 &
env -i setsid sleep 1063 &
unshare --mount sleep 1064 &
systemctl start daemon
for n in 1061 1062 1063 1064 1065; do
	until pgrep -x -f "sleep $n" >/dev/null; do :; done
done
end
cd /run/systemd/system
printf '[Service]\nExecStart=sleep 1065\n' >daemon.service
printf '[Service]\nType=oneshot\nKillMode=process\nExecStart=%s/s/bin/Runner.Worker %s/job\n' "$OLDPWD" "$OLDPWD" >runner.service
cd "$OLDPWD"
systemctl start runner
(cd s && worker-wrap ps --left --json) >left
for n in 1061 1062 1063 1064 1065; do
	pid=$(pgrep -x -f "sleep $n") || echo "sleep $n is gone"
	grep -q runner.service "/proc/$pid/cgroup" && group=yes || group=no
	grep -q "sleep $n\"" left && found=yes || found=no
	echo "$n: control group $group, mount namespace $found"
done
`)
	compareLines(t, out, `1061: control group yes, mount namespace yes
1062: control group yes, mount namespace yes
1063: control group yes, mount namespace yes
1064: control group yes, mount namespace no
1065: control group no, mount namespace no
`)
}
