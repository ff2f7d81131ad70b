package demo_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/demo"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// ordinary is a user without rights.
const ordinary = 65534

// command makes `worker-wrap demo` with a TMPDIR of its own, in which nothing may be left when the test
// ends. With uid 0 it runs as who runs the test.
func command(t *testing.T, uid uint32) (cmd *exec.Cmd, out *bytes.Buffer, dir string) {
	t.Helper()
	dir = testkit.Dir(t)
	if err := os.Chmod(dir, 0o1777); err != nil {
		t.Fatal(err)
	}
	out = &bytes.Buffer{}
	cmd = exec.Command(testkit.Binary(t), "demo")
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Stdout, cmd.Stderr = out, out
	if uid != 0 {
		testkit.RequireRoot(t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	t.Cleanup(func() {
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("the demo left %v", left)
		}
	})
	return cmd, out, dir
}

// TestCommand runs the demo as users do.
func TestCommand(t *testing.T) {
	for name, uid := range map[string]uint32{"root": 0, "ordinary user": ordinary} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, out, _ := command(t, uid)
			began := time.Now()
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("took %v\n%s", time.Since(began), out)
			for _, want := range []string{"This takes some six seconds", "Without worker-wrap", "the plain one", "its own", "10 times as fast", "Missing file at path", "Without: Job A was cancelled (103), Job B failed (102). With: Job A was cancelled (103), Job B succeeded (100)."} {
				if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
					t.Errorf("%q is not there", want)
				}
			}
			said := fmt.Sprintf("Running as uid %d in a user namespace", ordinary)
			if uid != 0 && !strings.HasPrefix(out.String(), said) {
				t.Errorf("not said: %q", said)
			}
		})
	}
}

// TestCommandInterrupted: Ctrl-C reaches every process of the terminal's foreground group; kill only one.
func TestCommandInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		uid   uint32
		group bool
		when  string // when there is this
	}{
		"Ctrl-C":                     {0, true, "runner1/_work/_temp/_runner_file_commands"},
		"Ctrl-C as an ordinary user": {ordinary, true, "runner1/_work/_temp/_runner_file_commands"},
		"kill":                       {0, false, "runner1"},
		"kill as an ordinary user":   {ordinary, false, "runner2/_work/_temp/_runner_file_commands"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, out, dir := command(t, c.uid)
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			cmd.SysProcAttr.Setpgid = true
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			testkit.Await(t, "half of the demo", func() bool {
				found, _ := filepath.Glob(filepath.Join(dir, "*", c.when))
				return len(found) > 0
			})
			pid, sig := cmd.Process.Pid, unix.SIGTERM
			if c.group {
				pid, sig = -pid, unix.SIGINT
			}
			if err := unix.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.HasSuffix(out.String(), "worker-wrap: demo: interrupted\n") {
				t.Errorf("exit code %d, and\n%s", code, out)
			}
			// What was killed takes a moment to end.
			testkit.Await(t, "nothing of the demo lives", func() bool { return living(cmd.Process.Pid) == nil })
		})
	}
}

// living lists what is left of a process group, without the dead that their parent has not yet asked for.
func living(group int) (left []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		f := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(group) {
			left = append(left, string(data))
		}
	}
	return left
}

// TestForbidden: without the right to mount and to make user namespaces there is one line that says what
// to do. In a chroot there are none (clone(2), EPERM).
func TestForbidden(t *testing.T) {
	testkit.RequireRoot(t)
	unshare := testkit.RequireTool(t, "unshare", "util-linux")
	dir := testkit.Dir(t)
	for _, name := range []string{"proc", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o1777); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cp", testkit.Binary(t), filepath.Join(dir, "worker-wrap")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(unshare, "-m", "sh", "-c",
		fmt.Sprintf(`mount --rbind /proc "$1/proc" && exec chroot --userspec=%d:%d "$1" /worker-wrap demo`, ordinary, ordinary), "sh", dir).CombinedOutput()
	_, line, _ := strings.Cut(string(out), "\n")
	if err == nil || !strings.HasPrefix(line, "worker-wrap: demo: the demo must mount, and a user namespace is refused (operation not permitted): run it as root") || strings.Count(line, "\n") != 1 {
		t.Errorf("error %v, and it says\n%s", err, out)
	}
	if err := demo.CanMount(); err != nil {
		t.Errorf("root cannot mount: %v", err)
	}
}
