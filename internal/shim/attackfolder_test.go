package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAttackOnTheNewFolder exchanges a per-PID folder just between its making and its opening, for one of root's with
// something in it: under a start of the user's, which must not lay that over _temp, and under one of root's, which
// must not give it away.
func TestAttackOnTheNewFolder(t *testing.T) {
	strace, setpriv := testkit.RequireTool(t, "strace", "strace"), testkit.RequireTool(t, "setpriv", "util-linux")
	s := ordinary(t, capable(t))
	id := itoa(user)
	theirs := filepath.Join(s.store, "of-root")
	do(t, os.Mkdir(s.store, 0o711), os.Chown(s.store, user, user), os.Mkdir(theirs, 0o755), os.WriteFile(theirs+"/secret", []byte("HAVE\n"), 0o600))
	for _, way := range []struct {
		as, says string
		args     []string
	}{
		{"the user", "", []string{setpriv, "--reuid", id, "--regid", id, "--clear-groups"}},
		{"root", "was replaced by another folder", nil},
	} {
		// The signal comes with the call, and stops the start when that is done.
		args := append([]string{"-o", "/dev/null", "-e", "trace=mkdirat", "-e", "inject=mkdirat:signal=SIGSTOP:when=1", "--"}, way.args...)
		c := &start{Cmd: exec.Command(strace, append(args, s.worker, "-c", "cat "+s.temp+"/secret; "+innocent)...)}
		c.Stdout, c.Stderr = &c.out, &c.err
		c.Env = []string{"WORKER_WRAP_DOCKER=off", "PATH=" + os.Getenv("PATH")}
		do(t, c.Start())
		var made string
		eventually(t, func() error {
			for _, name := range entries(t, s.store) {
				if name != filepath.Base(theirs) {
					made = filepath.Join(s.store, name)
					return nil
				}
			}
			return fmt.Errorf("%s: no folder is made: %q, %q", way.as, &c.out, &c.err)
		})
		do(t, unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, theirs, unix.RENAME_EXCHANGE))
		children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", c.Process.Pid))
		do(t, err)
		var child int
		_, err = fmt.Sscan(string(children), &child)
		do(t, err, unix.Kill(child, unix.SIGCONT))
		code := c.end(t)
		if code != 125 || c.out.String() != "" {
			t.Errorf("%s: exit code %d, %q", way.as, code, &c.out)
		}
		oneLine(t, c.err.String(), way.says)
		for path, uid := range map[string]uint32{made: 0, made + "/secret": 0} {
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil || st.Uid != uid {
				t.Errorf("%s: what is root's belongs to %d: %v", way.as, st.Uid, err)
			}
		}
		do(t, os.Rename(made, s.root+"/aside"), os.Remove(theirs), os.Rename(s.root+"/aside", theirs))
	}
}
