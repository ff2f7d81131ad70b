package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// tree is a shell function that prints everything below some folders: of each file type, mode, owner, time, target and
// checksum; of folders no time.
const tree = `
tree() {
	find "$@" \( -type d -printf '%p d %m %U:%G\n' \) -o -printf '%p %y %m %U:%G %T@ %l\n' 2>/dev/null | sort
	find "$@" -type f -exec sha256sum {} + 2>/dev/null | sort
}
all() { tree r s /usr/local/lib /usr/local/bin /var/lib/worker-wrap /etc/worker-wrap /etc/systemd; }
`

// deny builds the helper that has the kernel refuse system calls, and returns its path.
func deny(t *testing.T) string {
	t.Helper()
	out := filepath.Join(testkit.Dir(t), "deny")
	testkit.WriteProgram(t, out, testkit.Compile(t, filepath.Join(testkit.Root(), "internal/e2e/starts/testdata/deny.c"), "-O1", "-static"))
	return out
}

// TestInstallTriesFirst: if no job of the runner's user could get a _temp of its own, an install changes nothing. It
// says why and what to do, and ends with 1. With --force it installs, and says the same.
func TestInstallTriesFirst(t *testing.T) {
	for name, test := range map[string]struct {
		under string // a command line that starts what follows it
		why   string
	}{
		"bounding set": {under: "setpriv --bounding-set -sys_admin --inh-caps -sys_admin", why: "CAP_SYS_ADMIN"},
		"no_new_privs": {under: "setpriv --no-new-privs", why: "no_new_privs is set"},
		"seccomp":      {under: deny(t) + " move_mount:1 mount:1 -- /usr/bin/env env", why: "a seccomp filter forbids it"},
	} {
		t.Run(name, func(t *testing.T) {
			out := onMachine(t, tree+`
under() { `+test.under+` "$@"; }
all >before
code under ./ww install --runner-root r
all >after
cmp before after && echo unchanged
rm -rf r/_work # as before the first job
all >before
code under ./ww install --runner-root r >out 2>&1
all >after
cmp before after && echo "unchanged, without _work"
code under ./ww install --runner-root r --force
head -n 1 r/bin/Runner.Worker
code under ./ww install --runner-root r
rm r/bin/Runner.Worker
cp /bin/sh r/bin/Runner.Worker # an update
code under ./ww install --runner-root r 2>/dev/null
`)
			before, forced, _ := strings.Cut(out, "unchanged, without _work\n")
			for _, want := range []string{"worker-wrap: $W/r is left as it is, since worker-wrap could give no job of nobody a _temp of its own: ", test.why, " --force --runner-root $W/r\nexit 1\nunchanged\n"} {
				if !strings.Contains(before, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
			for _, want := range []string{
				"worker-wrap: warning: $W/r: no job of nobody gets a _temp of its own as things are, and worker-wrap is put in place all the same (--force): ", test.why,
				"exit 0\n#!/usr/local/lib/worker-wrap/worker-wrap __worker\nnothing to do\nexit 0\n", "$W/r/bin: put it in place of Runner.Worker\nexit 0\n",
			} {
				if !strings.Contains(forced, want) {
					t.Errorf("with --force: no %q in\n%s", want, out)
				}
			}
			if n := strings.Count(before, "\n"); n != 3 {
				t.Errorf("%d lines:\n%s", n, before)
			}
		})
	}
}

// TestInstallTriesFirstInUserNamespace: the same for root of a user namespace, to whom nothing of the machine belongs.
func TestInstallTriesFirstInUserNamespace(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "unshare", "util-linux")
	dir := testkit.Dir(t)
	for name, test := range map[string]struct{ runner, limit, why string }{
		"another's runner":        {"r", "", "this user namespace has no such user"},
		"no mount namespace left": {"s", "echo 0 >/proc/sys/user/max_mnt_namespaces", "user.max_mnt_namespaces"},
	} {
		t.Run(name, func(t *testing.T) {
			script := tree + `
cd "$1"
rm -rf r s own
mkdir own
for r in r s; do
	mkdir -p $r/bin $r/_work/_temp
	echo '{"workFolder": "_work"}' >$r/.runner
	cp /bin/sh $r/bin/Runner.Worker
done
chown -R nobody r
chown -R 61234 s own
tree r s own >before
` + testkit.UserLine("61234", "61234") + ` unshare -Ur sh -c '` + test.limit + `
"$2" install --prefix "$PWD/own" --runner-root "$1"
echo exit $?' sh ` + test.runner + ` "$2"
tree r s own >after
cmp before after && echo unchanged
`
			said, err := exec.Command("sh", "-euc", script, "sh", dir, testkit.Binary(t)).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			for _, want := range []string{"worker-wrap: " + dir + "/" + test.runner + " is left as it is, since ", test.why, "exit 1\nunchanged\n"} {
				if !strings.Contains(string(said), want) {
					t.Errorf("no %q in\n%s", want, said)
				}
			}
		})
	}
}

// TestInstallTriesEach: the one of three runners whose jobs would get no _temp of their own is left as it is, and the
// others are installed.
func TestInstallTriesEach(t *testing.T) {
	out := onMachine(t, tree+`
mkdir /opt/a /opt/b /opt/c
cp -a s/. /opt/a; cp -a r/. /opt/b; cp -a s/. /opt/c
tree /opt/b >before
code setpriv --no-new-privs ./ww install --all
tree /opt/b >after
cmp before after && echo unchanged
echo again
code setpriv --no-new-privs ./ww install --all | grep -v '^worker-wrap: /opt/b is left'
code ./ww install --all
echo "-- a setting"
worker-wrap uninstall --all >/dev/null
echo WORKER_WRAP_WAIT=forever >/opt/b/.env
tree /opt/b >before
code ./ww install --all 2>&1 | grep -v '^/opt/[ac]\|/usr/local\|^note\|^set\|^no systemd'
tree /opt/b >after
cmp before after && echo unchanged
`)
	for _, want := range []string{
		"/opt/a/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name\n/opt/c/bin: keep", "worker-wrap: /opt/b is left as it is, since worker-wrap could give no job of nobody a _temp of its own: ", "exit 1\nunchanged\nagain\n",
		"/opt/b/bin: make .worker-wrap/Runner.Worker, by which a Worker that is alone keeps its name\nnote /opt/b in the list of runners that have worker-wrap\n", "exit 0\n-- a setting\nworker-wrap: /opt/b is left as it is, since worker-wrap could give no job of nobody a _temp of its own: the runner's settings: WORKER_WRAP_WAIT=\"forever\": ",
		" --force --runner-root /opt/b\nexit 1\nunchanged\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// TestWatchTriesFirst: a watch puts nothing into a runner in which a start would be refused, says so, goes on
// looking, and fails at the end; into one that was wrapped before it puts the shim back.
func TestWatchTriesFirst(t *testing.T) {
	host := filepath.Join(testkit.Dir(t), "host")
	if err := os.WriteFile(host, testkit.Host(t, "exit 0\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	out := onMachine(t, tree+`
./ww install --runner-root s >/dev/null 2>&1
tree r >before
code setpriv --no-new-privs worker-wrap watch --runner-root r --until-quiet 100ms
tree r >after
cmp before after && echo unchanged
./ww install --runner-root r >/dev/null 2>&1
rm r/bin/Runner.Worker
cp `+host+` r/bin/Runner.Worker
code setpriv --no-new-privs worker-wrap watch --runner-root r --until-quiet 100ms
`)
	for _, want := range []string{"worker-wrap: $W/r is left as it is, since worker-wrap could give no job of nobody a _temp of its own: ", "exit 1\nunchanged\n", "$W/r/bin: put it in place of Runner.Worker\nworker-wrap: watching $W/r\nexit 0\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}
