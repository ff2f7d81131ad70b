package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestSudoInside has a job of an ordinary user, wrapped by the file capability, use sudo: for a file in its
// _temp, and for a mount, which must reach the host as it would without the shim.
func TestSudoInside(t *testing.T) {
	testkit.RequireRoot(t)
	name, uid := testkit.User(t)
	testkit.MaySudo(t, name)
	dir := testkit.Dir(t)
	root, path := testkit.Runner(t, dir, capable(t), "/bin/sh")
	temp := filepath.Join(root, "_work", "_temp")
	mountpoint := filepath.Join(root, "_work", "data")
	for _, d := range []string{temp, mountpoint} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testkit.Give(t, dir, uid)
	// The host's mounts must be shared for anything to travel, as systemd makes them; here in a
	// namespace of the test's own, so that this machine's stay as they are.
	script := `
set -e
mount --make-rshared /
cd /
` + testkit.UserLine(`"$1"`, `"$1"`) + ` "$2" -c '
	set -e
	id -u
	sudo -n id -u
	grep CapEff /proc/self/status
	sudo -n sh -c "echo of root > $1/root-file; chown root $1/root-file"
	ls -A "$1"
	sudo -n mount -t tmpfs of-the-job "$2"
	touch "$2/seen" 2>/dev/null || sudo -n touch "$2/seen"
' job "$3" "$4"
ls "$4"
ls -A "$3"
umount "$4"
`
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "host", itoa(uid), path, temp, mountpoint)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := []string{
		itoa(uid), "0", "CapEff:\t0000000000000000", // the job, sudo, and no capability left over
		"root-file", // the job's _temp
		"seen",      // the host sees what the job mounted, and nothing in its own _temp
	}
	if got := strings.Split(strings.TrimSpace(string(out)), "\n"); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}
