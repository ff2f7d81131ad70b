package main

import (
	"os"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestUpdatesUnderSystemd replays two self-updates of a runner whose path unit a real systemd watches. The
// first finds bin a folder, the second a link; each is stopped once after the copy, as a failed one is, and
// begun again. Steps are as in SelfUpdater.cs and update.sh.template of actions/runner 2.336.0.
func TestUpdatesUnderSystemd(t *testing.T) {
	testkit.RequireRoot(t)
	if _, err := os.Stat("/lib/systemd/systemd"); err != nil {
		testkit.Skip(t, "needs systemd (Debian package systemd)")
	}
	out := inMachine(t, "scratch-systemd", `
unit=worker-wrap@$(systemd-escape --path "$PWD/r")
is_wrapped() { head -n 1 "$1/Runner.Worker" | grep -aqs /worker-wrap && [ -e "$1/Runner.Worker.real" ] && [ -e "$1/Runner.Worker.worker-wrap" ]; }
is_plain() { [ "$(ls -A "$1" | grep -c Runner.Worker)" = 1 ] && ! head -n 1 "$1/Runner.Worker" | grep -aq /worker-wrap; }
soon() {
	for _ in $(seq 6000); do # as long as testkit.Patience
		"$@" && return
		sleep 0.05
	done
	echo "this does not come: $*"
	systemctl status "$unit.path" "$unit.service" | cat
	ls -lA r r/bin/ r/bin.*/
	exit 1
}
# quiet is as when nothing has changed for half a minute, and systemd watches the paths again.
quiet() { soon is_quiet; }
is_quiet() {
	systemctl stop "$unit.service" 2>/dev/null
	[ "$(systemctl show -P SubState "$unit.path")" = waiting ]
}

# begin VERSION: the download begins, and the new version is copied to its folder.
begin() {
	as nobody rm -rf r/_work/_update
	as nobody mkdir r/_work/_update
	[ ! -e "r/bin.$1" ] || soon is_plain "r/bin.$1"
	as nobody mkdir -p r/_work/_update/bin "r/bin.$1"
	as nobody cp /bin/sh r/_work/_update/bin/Runner.Worker
	as nobody cp r/_work/_update/bin/Runner.Worker "r/bin.$1/Runner.Worker"
}
# commit VERSION: the job has ended, and the script that will switch is written.
commit() {
	as nobody rm -f r/_work/_update.sh
	echo "# to $1" | as nobody tee r/_work/_update.sh >/dev/null
}

./ww install --isolate always --runner-root r >/dev/null
systemctl is-active "$unit.path"
echo '"Runner.Listener/2.334.0"' >r/bin/Runner.Listener.deps.json
for version in 2.335.0 2.336.0; do
	begin $version
	sleep 0.3
	is_plain r/bin.$version && echo "$version: left alone while it is copied"
	quiet
	commit $version
	soon is_wrapped r/bin.$version
	echo "$version: wrapped before the switch"
	quiet
	begin $version
	echo "$version: out of the way of a second try"
	quiet
	commit $version
	soon is_wrapped r/bin.$version
	if [ -L r/bin ]; then
		as nobody rm r/bin
	else
		as nobody mv r/bin r/bin.2.334.0
	fi
	as nobody ln -s "$PWD/r/bin.$version" r/bin
	rm r/bin/Runner.Worker r/bin/Runner.Worker.worker-wrap
	mv r/bin/Runner.Worker.real r/bin/Runner.Worker # had the watch missed all that
	quiet
	as nobody touch r/update.finished
	soon is_wrapped r/bin
	echo "$version: wrapped after it"
	as nobody r/bin/Runner.Worker -c 'test -d "$WORKER_WRAP_HOST_TEMP" && echo "a job has its own _temp"'
	rm r/update.finished
done
worker-wrap uninstall --all >/dev/null
systemctl is-active "$unit.path" "$unit.service" || true
sleep 0.5
for bin in r/bin r/bin.*; do is_plain $bin && cmp $bin/Runner.Worker /bin/sh && echo "$bin: as it was"; done
find /etc/systemd/system /usr/local/lib /usr/local/bin /var/lib/worker-wrap -name '*worker-wrap*' 2>/dev/null || true
`)
	updated := func(v string) string {
		return v + ": left alone while it is copied\n" + v + ": wrapped before the switch\n" + v + ": out of the way of a second try\n" +
			v + ": wrapped after it\na job has its own _temp\n"
	}
	compareLines(t, out, "active\n"+updated("2.335.0")+updated("2.336.0")+"inactive\ninactive\n"+
		"r/bin: as it was\nr/bin.2.334.0: as it was\nr/bin.2.335.0: as it was\nr/bin.2.336.0: as it was\n")
}
