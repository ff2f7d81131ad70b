package starts_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestSignalsDoNotEndAWait: a signal that interrupts the wait for an earlier Worker does not end it.
func TestSignalsDoNotEndAWait(t *testing.T) {
	s := ordinary(t, capable(t))
	other := s.unwrapped(t)
	c := s.waiting(t, s.script(), "WAIT=20s")
	for range 50 {
		do(t, c.Process.Signal(unix.SIGWINCH))
		time.Sleep(2 * time.Millisecond)
	}
	if s.started(c) != "" {
		t.Fatal("it was started beside the other")
	}
	other.end(t)
	if code := c.end(t); code != 0 || s.started(c) != "isolated" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
	if e := s.last(t, events.Wait); e.Outcome != events.Waited {
		t.Errorf("the event log has %+v", e)
	}
}

// TestUsernsStops: if a terminal stops the Worker its supervisor stops too, so that a shell sees it, and both go on
// together.
func TestUsernsStops(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	c := command([]string{"USERNS=1"}, s.worker)
	// A group whose parent is in another one of the session: in an orphaned one SIGTSTP does nothing.
	c.SysProcAttr.Setpgid = true
	lines := talk(t, c)
	if got := lines.ask(t, "trap 'echo going on' CONT; echo up"); got != "up" {
		t.Fatal(got)
	}
	for _, sig := range []string{"TSTP", "TTIN"} {
		if _, err := lines.in.Write([]byte("kill -" + sig + " $$; echo on\n")); err != nil {
			t.Fatal(err)
		}
		var status syscall.WaitStatus
		if pid, err := syscall.Wait4(c.Process.Pid, &status, unix.WUNTRACED, nil); err != nil || pid != c.Process.Pid || !status.Stopped() {
			t.Fatalf("SIG%s: the supervisor has not stopped: %d, %v, %v", sig, pid, status, err)
		}
		do(t, c.Process.Signal(unix.SIGCONT))
		lines.expect(t, "going on")
		lines.expect(t, "on")
	}
	lines.in.Close()
	if code := c.end(t); code != 0 {
		t.Errorf("exit code %d: %s", code, &c.err)
	}
}

// TestSweepOfClosedFolders: a folder of their own that an ordinary user has closed to everybody is opened and deleted;
// one of another's stays, and the event log says so.
func TestSweepOfClosedFolders(t *testing.T) {
	s := ordinary(t, capable(t))
	s.leaveMore(t)
	dead := filepath.Join(s.store, entries(t, s.store)[0])
	own, others := filepath.Join(dead, "some"), filepath.Join(dead, "others", "closed")
	do(t, os.Chmod(own, 0), os.MkdirAll(others, 0o700), os.WriteFile(others+"/file", nil, 0o600), os.Chown(filepath.Dir(others), user, user))
	if code, _, stderr := s.run(t, "true"); code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	eventually(t, func() error { // beside it may be one of this start's own folder, if it had ended by then
		list := s.log(t, events.Sweep)
		if !slices.ContainsFunc(list, func(e events.Event) bool {
			return e.Outcome == events.Partly && strings.Contains(e.Error, "permission denied")
		}) {
			return fmt.Errorf("the event log has %+v", list)
		}
		return nil
	})
	found, err := filepath.Glob(s.store + "/*/*")
	do(t, err)
	if len(found) != 1 || filepath.Base(found[0]) != "others" {
		t.Errorf("left are %q", found)
	}
}

// TestSettingsWithoutARunner: a command outside a runner has no other Workers to wait for or to be beside.
func TestSettingsWithoutARunner(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	for setting, want := range map[string]string{"WAIT=20s": "isolated", "ISOLATE=overlap": "plain"} {
		c := command([]string{setting}, shim, "--temp", s.temp, "--", "sh", "-c", s.script())
		if code := c.end(t); code != 0 || s.started(c) != want || c.err.String() != "" {
			t.Errorf("%s: exit code %d, %q, want %q: %s", setting, code, s.started(c), want, &c.err)
		}
	}
}

// TestWaitAsLongAsTheRunnerAllows: if the runner waits longer for a Worker, a start may too.
func TestWaitAsLongAsTheRunnerAllows(t *testing.T) {
	s := ordinary(t, capable(t))
	c := command([]string{"WAIT=40s"}, s.worker, "-c", "true")
	c.Env = append(c.Env, "GITHUB_ACTIONS_RUNNER_CHANNEL_TIMEOUT=60")
	if code := c.end(t); code != 0 || c.err.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.err)
	}
}

// TestUsernsRefusals: what cannot be isolated is refused before a child is made.
func TestUsernsRefusals(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	do(t, os.Remove(s.temp), os.WriteFile(s.temp, nil, 0o600))
	code, out, stderr := s.run(t, "echo started", "USERNS=1")
	oneLine(t, stderr, "_temp", "not a directory")
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	do(t, os.Remove(s.temp), os.Mkdir(s.temp, 0o755), os.Chown(s.temp, user, user))
	c := command([]string{"USERNS=1"}, "unshare", "--mount", "--propagation", "private", "sh", "-c",
		withoutProc+"exec "+testkit.UserLine(itoa(user), itoa(user))+` "$0" -c "echo started"`, s.worker)
	c.SysProcAttr = nil
	code = c.end(t)
	oneLine(t, c.err.String(), "/proc shows another PID namespace than this process's")
	if code != 125 || c.out.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
}

// TestWorkerFromAFolderThatIsGone: a relative name cannot be found out where the working directory was removed.
func TestWorkerFromAFolderThatIsGone(t *testing.T) {
	bash := testkit.RequireTool(t, "bash", "bash")
	dir := filepath.Join(testkit.Dir(t), "gone")
	do(t, os.Mkdir(dir, 0o755))
	c := command(nil, bash, "-c", `cd "$1" && rmdir "$1" && exec -a Runner.Worker "$0"`, testkit.Binary(t), dir)
	c.SysProcAttr = nil
	code := c.end(t)
	oneLine(t, c.err.String(), "no such file or directory")
	if code != 125 {
		t.Errorf("exit code %d", code)
	}
}

// TestWorkersThatCannotRun are the runner's own fault, and what to do about it is said.
func TestWorkersThatCannotRun(t *testing.T) {
	s := ordinary(t, capable(t))
	real := filepath.Join(filepath.Dir(s.worker), "Runner.Worker.real")
	do(t, os.WriteFile(real, []byte("\x7fELF, but damaged"), 0o755))
	code, _, stderr := s.run(t, "")
	oneLine(t, stderr, "cannot run "+real+": exec format error", "built for another machine, or damaged")
	if code != 126 {
		t.Errorf("exit code %d", code)
	}
	do(t, os.Remove(real), os.Mkdir(real, 0o755))
	code, _, stderr = s.run(t, "", "ISOLATE=overlap") // in the plain _temp
	oneLine(t, stderr, "is not a file")
	if code != 126 {
		t.Errorf("exit code %d", code)
	}
}

// TestCopyAsTheWorker: a copy of worker-wrap in the real Worker's place says what it is. It does not wait for the locks of
// the start that became it.
func TestCopyAsTheWorker(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	testkit.CopyProgram(t, shim, filepath.Join(filepath.Dir(s.worker), "Runner.Worker.real"))
	for _, isolate := range []string{"alone", "overlap", "always"} {
		code, _, stderr := s.run(t, "", "ISOLATE="+isolate)
		oneLine(t, stderr, "this job was not started: ", "Runner.Worker.real is worker-wrap itself")
		if code != 125 || strings.Contains(stderr, "setcap") {
			t.Errorf("%s: exit code %d: %s", isolate, code, stderr)
		}
	}
}

// TestArgumentsThatJustFit: with the one variable more that a start adds they may be too long for the program.
func TestArgumentsThatJustFit(t *testing.T) {
	s := ordinary(t, capable(t))
	const piece = 100 << 10 // below MAX_ARG_STRLEN
	long := strings.Repeat("x", piece)
	try := func(length int) (*start, error) {
		args := []string{"-c", "true"}
		for ; length > piece; length -= piece {
			args = append(args, long)
		}
		c := command(nil, s.worker, append(args, long[:length])...)
		return c, c.Start()
	}
	fits, tooLong := piece, 8<<20
	for tooLong-fits > 8 {
		length := (fits + tooLong) / 2
		c, err := try(length)
		if err == nil {
			fits = length
			c.end(t)
		} else if tooLong = length; !errors.Is(err, unix.E2BIG) {
			t.Fatal(err)
		}
	}
	c, err := try(fits)
	if err != nil {
		t.Fatal(err)
	}
	code := c.end(t)
	oneLine(t, c.err.String(), "arguments and environment are too long, with one variable more")
	if code != 126 {
		t.Errorf("exit code %d", code)
	}
}

// TestDockerSocketOfTheMachine: an ordinary user whom the machine's socket lets in has the proxy's laid over it, though
// it belongs to root.
func TestDockerSocketOfTheMachine(t *testing.T) {
	testkit.RequireTool(t, "setpriv", "util-linux")
	s := ordinary(t, capable(t))
	socket := filepath.Join(testkit.Dir(t), "docker.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	do(t, os.Chmod(socket, 0o666))
	// The machine's own /run is not touched.
	c := command([]string{"LOG=debug"}, "unshare", "--mount", "--propagation", "private", "sh", "-c",
		`mount -t tmpfs none /run && touch /run/docker.sock && mount --bind "$1" /run/docker.sock &&
		exec `+testkit.UserLine(itoa(user), itoa(user))+` "$0" -c '[ /run/docker.sock -ef "$WORKER_WRAP_HOST_TEMP.docker.sock" ] && echo proxy'`, s.worker, socket)
	c.Env = append(c.Env, "DOCKER_HOST=unix:///run/docker.sock")
	c.SysProcAttr = nil
	if code := c.end(t); code != 0 || c.out.String() != "proxy\n" {
		t.Errorf("exit code %d, %q: %s", code, &c.out, &c.err)
	}
	s.gone(t, "after the Worker")
}

// TestFromWithinTemp: if a command is started in the _temp that is covered, its current folder is the new one, as the
// path says. In a folder below it nothing is started, as that would not be there.
func TestFromWithinTemp(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	do(t, os.Mkdir(s.temp+"/below", 0o755), os.Chown(s.temp+"/below", user, user))
	c := command(nil, shim, "--temp", ".", "--", "/bin/sh", "-c", "pwd; : >mark; ls")
	c.Dir = s.temp
	if code := c.end(t); code != 0 || c.out.String() != s.temp+"\nmark\n" || isOnHost(s.temp) {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	c = command(nil, shim, "--temp", "..", "--", "/bin/sh", "-c", "echo started")
	c.Dir = s.temp + "/below"
	if code := c.end(t); code != 125 || c.out.String() != "" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
	oneLine(t, c.err.String(), s.temp+"/below lies in "+s.temp, "start it from elsewhere")
}

// TestWorkerIsACopyOfTheShim: one without the file capability, as cp(1) makes it, cannot start itself once more, and
// the reason that is given is not that.
func TestWorkerIsACopyOfTheShim(t *testing.T) {
	s := ordinary(t, capable(t))
	data, err := os.ReadFile(testkit.Binary(t))
	do(t, err, os.WriteFile(s.worker+".real", data, 0o755))
	code, out, stderr := s.run(t, "echo started")
	if code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	oneLine(t, stderr, "Runner.Worker.real is worker-wrap itself")
}
