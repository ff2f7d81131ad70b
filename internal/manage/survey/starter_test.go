package survey

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStarter: a unit that starts the runner says who does, and not one that the runner's user names in .service.
func TestStarter(t *testing.T) {
	m := testkit.Dir(t)
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(m, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	put("r/.runner", `{"workFolder": "_work"}`)
	put("r/.service", "other.service\n")
	put("r/.env", "WORKER_WRAP_USERNS=1\nA=b\n")
	put("etc/systemd/system/other.service", "[Service]\nUser=root\nWorkingDirectory=/elsewhere\nExecStart=/elsewhere/runsvc.sh\n")
	const owner = 61234
	if err := os.Chown(m+"/r", owner, owner); err != nil && os.Getuid() == 0 {
		t.Fatal(err)
	}
	l, err := runner.FromRoot(m + "/r")
	if err != nil {
		t.Fatal(err)
	}
	uid := FolderAt(l.Root).UID
	look := func(what, user string, uid int) {
		t.Helper()
		if w := (System{Root: m}).Starter(l); w.User != user || w.UID != uid || !slices.Equal(w.Env, []string{"WORKER_WRAP_USERNS=1", "A=b"}) {
			t.Errorf("%s: %+v", what, w)
		}
	}
	look("another's unit in .service", users.Name(uid), uid)
	put("etc/systemd/system/ci.service", "[Service]\nUser=nobody\nExecStart=/r/run.sh\n")
	look("a unit without .service", "nobody", 65534)
	put("r/.service", "ci.service\n")
	put("etc/systemd/system/ci.service.d/user.conf", "[Service]\nUser=daemon\n")
	look("its drop-in", "daemon", 1)
	put("etc/systemd/system/ci.service.d/user.conf", "[Service]\nUser=1\n")
	look("its number", "daemon", 1)
	put("etc/systemd/system/ci.service.d/user.conf", "[Service]\nUser=no-such-user\n")
	look("an unknown user", "no-such-user", -1)
	put("proc/7/cmdline", "/r/bin/Runner.Listener\x00run\x00")
	put("proc/7/status", "Name:\tRunner.Listener\nUid:\t1\t1\t1\t1\n")
	look("a Listener elsewhere", "no-such-user", -1)
	if w := (System{Root: m}).Starter(l); w.Listener != nil {
		t.Errorf("somebody else's process is its Listener: %+v", w.Listener)
	}
	put("proc/7/cgroup", "0::/system.slice/ci.service\n")
	look("a Listener in the unit", "daemon", 1)
}
