package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// site is a runner's work folder, and the daemon that its jobs use.
type site struct {
	*daemon
	work, temp string
	binary     string
	user       *syscall.Credential // nil: root
	context    bool                // the jobs find the daemon by HOME's Docker context, and not by DOCKER_HOST
}

func newSite(t *testing.T, d *daemon) *site {
	t.Helper()
	s := &site{daemon: d, work: filepath.Join(testkit.Dir(t), "_work"), binary: testkit.Binary(t)}
	s.temp = filepath.Join(s.work, "_temp")
	for _, dir := range []string{s.temp, s.work + "/_actions", s.work + "/_tool", s.work + "/repo/repo"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if d.bin != "" { // HOME is the work folder
		plugins := filepath.Join(s.work, ".docker/cli-plugins")
		if err := errors.Join(os.MkdirAll(plugins, 0o755), os.Symlink(d.bin+"/usr/libexec/docker/cli-plugins/docker-buildx", plugins+"/docker-buildx")); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// worker is a Worker: a shell that reads commands, whose _temp is its own.
type worker struct {
	t       *testing.T
	s       *site
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	private string // what lies over its _temp
	proxy   bool
	stopped bool
}

// start starts a Worker through the shim, with a proxy or without.
func (s *site) start(t *testing.T, proxy bool) *worker {
	t.Helper()
	w := &worker{t: t, s: s, proxy: proxy}
	w.cmd = exec.Command(s.binary, "--temp", s.temp, "--", "/bin/sh", "-s")
	w.cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0", "S="+s.socket, "W="+s.work, "T="+s.temp,
		"IMAGE="+image, "D="+s.docker, "RUNNER_TRACKING_ID=github_1", "HOME="+s.work)
	if !s.context {
		w.cmd.Env = append(w.cmd.Env, "DOCKER_HOST=unix://"+s.socket)
	}
	if !proxy {
		w.cmd.Env = append(w.cmd.Env, "WORKER_WRAP_DOCKER=off")
	}
	w.cmd.Stderr = os.Stderr
	w.cmd.SysProcAttr = &unix.SysProcAttr{Credential: s.user, Pdeathsig: unix.SIGKILL}
	var err error
	if w.stdin, err = w.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.stop)
	fmt.Fprintln(w.stdin, "echo $WORKER_WRAP_HOST_TEMP; exec >/dev/null")
	private, err := io.ReadAll(out) // to its end: nobody else may hold it
	w.private = strings.TrimSpace(string(private))
	if err != nil || filepath.Dir(w.private) != filepath.Join(s.work, ".worker-wrap") {
		t.Fatalf("the Worker's _temp is %q, %v", private, err)
	}
	return w
}

// stop ends the Worker and sees that its proxy takes socket and folder with it.
func (w *worker) stop() {
	w.t.Helper()
	if w.stopped {
		return
	}
	w.stopped = true
	w.stdin.Close()
	if err := w.cmd.Wait(); err != nil {
		w.t.Errorf("the Worker ends with %v", err)
	}
	if !w.proxy {
		return
	}
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(5 * time.Millisecond) {
		left, err := filepath.Glob(w.private + "*")
		if err == nil && len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.t.Errorf("left behind: %q, %v", left, err)
			return
		}
	}
}

// result is what a step printed and how it ended.
type result struct {
	out  string
	code int
}

// run runs a step: shell commands in the Worker's namespace, with standard input from the string. $D is
// the docker CLI, $S its socket, $W the work folder, $T _temp.
func (w *worker) run(input, script string) result {
	w.t.Helper()
	ns := fmt.Sprintf("/proc/%d/ns/mnt", w.cmd.Process.Pid)
	// The shell of the Worker has the environment; nsenter(1) joins its namespace without being its child.
	args := []string{"--mount=" + ns}
	if u := w.s.user; u != nil {
		args = append(args, fmt.Sprintf("--setuid=%d", u.Uid), fmt.Sprintf("--setgid=%d", u.Gid))
	}
	cmd := exec.Command(testkit.RequireTool(w.t, "nsenter", "util-linux"), append(args, "/bin/sh", "-ec", script)...)
	cmd.Env = w.cmd.Env
	cmd.Stdin = strings.NewReader(input)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	return result{strings.TrimSpace(out.String()), cmd.ProcessState.ExitCode()}
}

// onHost runs a step as run does, but on the host.
func (s *site) onHost(t *testing.T, w *worker, script string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-ec", script)
	cmd.Env = w.cmd.Env
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\non the host: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// must is run for steps that succeed, and returns what they print.
func (w *worker) must(script string) string {
	w.t.Helper()
	r := w.run("", script)
	if r.code != 0 {
		w.t.Fatalf("%s\nends with %d\n%s", script, r.code, r.out)
	}
	return r.out
}

// want runs a step and compares what it prints.
func (w *worker) want(script, want string) {
	w.t.Helper()
	if got := w.must(script); got != want {
		w.t.Errorf("%s\ngives %q, want %q", script, got, want)
	}
}
