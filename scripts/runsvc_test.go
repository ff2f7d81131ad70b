//go:build !race

package scripts_test

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// runnerUser is who runs the runner: an ordinary user that every Debian has.
const runnerUser = 65534

// hostScript stands in for runsvc.sh: it tells what it is and what it was given, and starts a host process. That is not
// in shell, which cannot trap what it was started to ignore. It ends by SIGINT with the code that its file says, and
// turns TERM and INT into that, as the real one does.
const hostScript = `#!/bin/bash
trap 'kill -INT $!' TERM INT
if [ -f .path ]; then export PATH=$(cat .path); fi
echo "pid $$"
echo "parent $PPID"
echo "folder $(pwd -P)"
echo "program $0"
echo "arguments $# $*"
echo "path $PATH"
echo "children $(/usr/bin/pgrep -P $$ | /usr/bin/wc -l)"
/usr/bin/env -u _ -u SHLVL | /usr/bin/sort | /usr/bin/sed 's/^/env /'
/usr/bin/perl -e '$| = 1; $SIG{INT} = sub { exit shift @ARGV }; print "ready\n"; sleep 60 while 1' "$(cat code)" &
PID=$!
wait $PID
trap - TERM INT
wait $PID
`

// service is a runner that is a service, beside an installed worker-wrap.
type service struct {
	root   standin.Root
	script string
	binary string
}

func newService(t *testing.T) service {
	t.Helper()
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "pgrep", "procps")
	testkit.RequireTool(t, "perl", "perl-base")
	dir := testkit.Dir(t)
	root, err := standin.MakeRoot(filepath.Join(dir, "a runner"), standin.RootOptions{Program: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	s := service{root: root, script: filepath.Join(dir, "lib", "worker-wrap", "runsvc-worker-wrap.sh")}
	s.binary = filepath.Join(filepath.Dir(s.script), "worker-wrap")
	if err := os.MkdirAll(filepath.Dir(s.script), 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.CopyProgram(t, filepath.Join(testkit.Root(), "scripts", "runsvc-worker-wrap.sh"), s.script)
	testkit.CopyProgram(t, testkit.Binary(t), s.binary)
	testkit.GiveCapability(t, s.binary)
	for name, text := range map[string]string{"runsvc.sh": hostScript, ".path": "/from/dot/path:/usr/bin:/bin", "code": "7"} {
		if err := os.WriteFile(filepath.Join(root.Dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	must(t, "chown", "-R", strconv.Itoa(runnerUser), root.Dir)
	return s
}

// running is the service's process.
type running struct {
	*exec.Cmd
	said   []string // up to the line "ready"
	out    *bufio.Reader
	stderr *strings.Builder
}

// start starts a script of the runner as systemd would: as the runner's user, in its root.
func (s service) start(t *testing.T, script string, args ...string) *running {
	t.Helper()
	r := &running{Cmd: exec.Command(script, args...), stderr: &strings.Builder{}}
	r.Dir, r.Env = s.root.Dir, []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C", "SOME=thing with blanks"}
	r.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: runnerUser, Gid: runnerUser}, Setpgid: true}
	r.Stderr = r.stderr
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.out = bufio.NewReader(out)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.ProcessState == nil {
			_ = syscall.Kill(-r.Process.Pid, syscall.SIGKILL) // the host, too, and a watch
			_ = r.Wait()
		}
	})
	for {
		line, err := r.out.ReadString('\n')
		if err != nil {
			break
		}
		if line = strings.TrimSuffix(line, "\n"); line == "ready" {
			break
		}
		r.said = append(r.said, line)
	}
	return r
}

// end waits for the service's end and returns its status as a shell would.
func (r *running) end(t *testing.T) int {
	t.Helper()
	_, _ = io.Copy(io.Discard, r.out)
	err := r.Wait()
	if r.ProcessState == nil {
		t.Fatal(err)
	}
	if ws := r.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return r.ProcessState.ExitCode()
}

// watchers are the PIDs of the watches of this service.
func (s service) watchers(t *testing.T) []int {
	t.Helper()
	var pids []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		args, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if strings.HasPrefix(string(args), s.binary+"\x00watch\x00") {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

func (s service) wrapped(t *testing.T) bool {
	t.Helper()
	entry, _ := os.ReadFile(filepath.Join(s.root.Bin, standin.WorkerName))
	return strings.HasPrefix(string(entry), "#!"+s.binary+" ")
}

// TestRunsvcWrapperIsRunsvc compares what runsvc.sh sees, and how it ends, with and without the wrapper.
func TestRunsvcWrapperIsRunsvc(t *testing.T) {
	s := newService(t)
	args := []string{"interactive", "two words", ""}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGKILL, syscall.SIGHUP} {
		plain := s.start(t, filepath.Join(s.root.Dir, "runsvc.sh"), args...)
		own := s.start(t, s.script, args...)
		see := func(r *running) string {
			var same []string
			for _, line := range r.said {
				if line == "pid "+strconv.Itoa(r.Process.Pid) {
					line = "pid that was started"
				}
				same = append(same, line)
			}
			return strings.Join(same, "\n")
		}
		if see(plain) != see(own) {
			t.Errorf("without:\n%s\nwith:\n%s\nwhich said %s", see(plain), see(own), own.stderr)
		}
		for _, want := range []string{"pid that was started", "program " + filepath.Join(s.root.Dir, "runsvc.sh"), "folder " + s.root.Dir, "path /from/dot/path:/usr/bin:/bin", "arguments 3 interactive two words "} {
			if !strings.Contains(see(own)+"\n", want+"\n") {
				t.Errorf("no %q in:\n%s", want, see(own))
			}
		}
		if !s.wrapped(t) {
			t.Errorf("the runner has no shim: %s", own.stderr)
		}
		testkit.Await(t, "one watch runs beside the service", func() bool { return len(s.watchers(t)) == 1 })
		var codes []int
		for _, r := range []*running{plain, own} {
			host, _ := strconv.Atoi(strings.TrimSpace(must(t, "pgrep", "-P", strconv.Itoa(r.Process.Pid), "-x", "perl")))
			if err := r.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if signal == syscall.SIGKILL || signal == syscall.SIGHUP {
				// The host goes on, and holds stdout; systemd would leave it, too (KillMode=process).
				testkit.Await(t, "runsvc.sh is gone", func() bool { return ended(r.Process.Pid) })
				_ = syscall.Kill(host, syscall.SIGKILL)
			}
			codes = append(codes, r.end(t))
		}
		if codes[0] != codes[1] {
			t.Errorf("by %v it ends with %d, and with the wrapper with %d", signal, codes[0], codes[1])
		}
		if signal == syscall.SIGTERM && codes[1] != 7 {
			t.Errorf("code %d, want the host's", codes[1])
		}
		testkit.Await(t, "the watch has ended with the service", func() bool { return len(s.watchers(t)) == 0 })
	}
}

// ended reports whether a process is a zombie or no more.
func ended(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// TestRunsvcWrapperMendsAtStart: what an update did while nothing watched is put right before the Listener starts.
func TestRunsvcWrapperMendsAtStart(t *testing.T) {
	s := newService(t)
	for range 2 {
		r := s.start(t, s.script)
		if !s.wrapped(t) {
			t.Fatalf("no shim: %s", r.stderr)
		}
		_ = r.Process.Signal(syscall.SIGTERM)
		r.end(t)
		if !strings.Contains(r.stderr.String(), "put it in place of Runner.Worker\n") {
			t.Errorf("it does not say what it did: %s", r.stderr)
		}
		testkit.Await(t, "the watch has ended", func() bool { return len(s.watchers(t)) == 0 })
		bin := filepath.Join(s.root.Dir, "bin.2.999.0")
		if err := os.Mkdir(bin, 0o755); err != nil {
			return // the second time: seen
		}
		if err := standin.WriteWorker(filepath.Join(bin, standin.WorkerName), "/bin/true"); err != nil {
			t.Fatal(err)
		}
		must(t, "chown", "-R", strconv.Itoa(runnerUser), bin)
		must(t, "ln", "-sfn", bin, filepath.Join(s.root.Dir, "bin"))
		s.root.Bin = bin
	}
}

// TestRunsvcWrapperCannotSpeak: a log that cannot be written keeps no runner from its start.
func TestRunsvcWrapperCannotSpeak(t *testing.T) {
	s := newService(t)
	for what, to := range map[string]string{"a full disk": ">/dev/full", "a pipe that nobody reads": "> >(:); wait $!"} {
		script := filepath.Join(filepath.Dir(s.script), "silent")
		text := "#!/bin/bash\nexec 2" + to + "\nexec " + s.script + "\n"
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		r := s.start(t, script)
		_ = r.Process.Signal(syscall.SIGTERM)
		if code := r.end(t); code != 7 || !s.wrapped(t) {
			t.Errorf("stderr is %s: code %d, wrapped %v; runsvc.sh said %q", what, code, s.wrapped(t), r.said)
		}
		testkit.Await(t, "the watch has ended", func() bool { return len(s.watchers(t)) == 0 })
	}
}

// TestRunsvcWrapperUnisolated: if no job gets a _temp of its own the shim is put in place all the same, with a word:
// each start does then what the settings say.
func TestRunsvcWrapperUnisolated(t *testing.T) {
	s := newService(t)
	script := filepath.Join(filepath.Dir(s.script), "confined")
	text := "#!/bin/sh\nexec setpriv --no-new-privs " + s.script + "\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	r := s.start(t, script)
	_ = r.Process.Signal(syscall.SIGTERM)
	if code := r.end(t); code != 7 || !s.wrapped(t) || !strings.Contains(r.stderr.String(), "no_new_privs is set") {
		t.Errorf("code %d, wrapped %v, stderr %s", code, s.wrapped(t), r.stderr)
	}
	testkit.Await(t, "the watch has ended", func() bool { return len(s.watchers(t)) == 0 })
}

// TestRunsvcWrapperWithoutShim: if the shim cannot be put in place the runner does not start, unless its owner wants
// that.
func TestRunsvcWrapperWithoutShim(t *testing.T) {
	s := newService(t)
	refused := func(why string) {
		t.Helper()
		r := s.start(t, s.script)
		if len(r.said) > 0 { // it runs
			_ = r.Process.Signal(syscall.SIGTERM)
		}
		if code := r.end(t); code != 125 || len(r.said) > 0 || strings.Count(r.stderr.String(), "so the runner is not started") != 1 || !strings.Contains(r.stderr.String(), why) {
			t.Errorf("code %d, runsvc.sh said %q, stderr %s", code, r.said, r.stderr)
		}
		if s.wrapped(t) {
			t.Error("the shim is in place, and can do nothing")
		}
	}
	env := filepath.Join(s.root.Dir, ".env")
	whole, err := os.ReadFile(s.binary)
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{nil, make([]byte, 100), whole[:100], whole[:len(whole)/2]} { // a full disk leaves such
		if err := os.WriteFile(s.binary, data, 0o755); err != nil {
			t.Fatal(err)
		}
		refused(s.binary + " is damaged")
	}
	if err := os.WriteFile(s.binary, whole, 0o755); err != nil { // without its capability
		t.Fatal(err)
	}
	refused("cap_sys_admin")
	if err := os.WriteFile(env, []byte("WORKER_WRAP_FALLBACK=run\nWORKER_WRAP_FALLBACK=none\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused("cap_sys_admin")
	if err := os.WriteFile(env, []byte("A=b\r\nWORKER_WRAP_FALLBACK=none\r\nWORKER_WRAP_FALLBACK=run\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := s.start(t, s.script)
	_ = r.Process.Signal(syscall.SIGTERM)
	if code := r.end(t); code != 7 || !strings.Contains(r.stderr.String(), "started without") {
		t.Errorf("with the setting: code %d, stderr %s", code, r.stderr)
	}
	testkit.Await(t, "no watch is left", func() bool { return len(s.watchers(t)) == 0 })
	if err := os.Remove(filepath.Join(s.root.Dir, "runsvc.sh")); err != nil {
		t.Fatal(err)
	}
	r = s.start(t, s.script)
	if code := r.end(t); code != 127 || !strings.Contains(r.stderr.String(), "no runsvc.sh in "+s.root.Dir) {
		t.Errorf("without runsvc.sh: code %d, stderr %s", code, r.stderr)
	}
}

// TestRunsvcWrapperWithoutRunsvc: whatever has become of runsvc.sh, the service fails, and one line says why. A shell
// takes an empty file for a script that has nothing to do, and ends well.
func TestRunsvcWrapperWithoutRunsvc(t *testing.T) {
	s := newService(t)
	path := filepath.Join(s.root.Dir, "runsvc.sh")
	text := func(data string, mode os.FileMode) func() error {
		return func() error {
			return errors.Join(os.WriteFile(path, []byte(data), 0o600), os.Chmod(path, mode), os.Chown(path, runnerUser, runnerUser))
		}
	}
	for what, c := range map[string]struct {
		make func() error
		code int
		says string
	}{
		"empty":                {text("", 0o755), 126, "runsvc.sh is empty"},
		"zeros":                {text(strings.Repeat("\x00", 500), 0o755), 126, "runsvc.sh is no script"},
		"no first line":        {text("echo started\n", 0o755), 126, "runsvc.sh is no script"},
		"not executable":       {text(hostScript, 0o644), 126, "runsvc.sh may not be run by "},
		"not readable":         {text(hostScript, 0o311), 126, "runsvc.sh may not be run by "},
		"no such interpreter":  {text("#!/nonexistent/bash\necho started\n", 0o755), 126, "runsvc.sh is for /nonexistent/bash, which is not there"},
		"line ends of Windows": {text("#!/bin/bash\r\necho started\r\n", 0o755), 126, "which is not there"},
		"a folder":             {func() error { return os.Mkdir(path, 0o755) }, 126, "runsvc.sh is not a file"},
		"a link to nothing":    {func() error { return os.Symlink("nowhere", path) }, 127, "no runsvc.sh in "},
		"gone":                 {func() error { return nil }, 127, "no runsvc.sh in "},
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		r := s.start(t, s.script)
		code, said := r.end(t), r.stderr.String()
		if code != c.code || len(r.said) > 0 || strings.Count(said, "\n") != 1 || !strings.Contains(said, c.says) || strings.Contains(said, "\r") {
			t.Errorf("%s: code %d, runsvc.sh said %q, stderr %s", what, code, r.said, said)
		}
		if s.wrapped(t) {
			t.Fatalf("%s: something was done before it was looked at", what)
		}
	}
	// A whole one is in bin: that is what svc.sh and each update copy. Any of the cases may have been the last one.
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.root.Bin, "runsvc.sh"), []byte(hostScript), 0o755); err != nil {
		t.Fatal(err)
	}
	half := hostScript[:strings.Index(hostScript, "trap")]
	for data, why := range map[string]string{"": "is empty", half: "is cut short", half + "#": ""} {
		if err := text(data, 0o755)(); err != nil {
			t.Fatal(err)
		}
		r := s.start(t, s.script)
		code, said := r.end(t), r.stderr.String()
		if why == "" && code != 0 || why != "" && (code != 126 || !strings.Contains(said, why) || !strings.Contains(said, "cp bin/runsvc.sh runsvc.sh")) {
			t.Errorf("%q: code %d, stderr %s; want %q", data, code, said, why)
		}
	}
	testkit.Await(t, "the watch has ended", func() bool { return len(s.watchers(t)) == 0 })
}
