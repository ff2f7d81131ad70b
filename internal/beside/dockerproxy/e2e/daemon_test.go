package e2e

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const image = testkit.DockerImage

// daemon is a dockerd of the test's own.
type daemon struct {
	bin    string // what has the programs, in usr/bin and so on; "" for this machine's
	docker string // the CLI
	dir    string // everything of the daemon's
	socket string
	// listener is the socket, which the daemon inherits.
	listener *os.File
	cmd      *exec.Cmd
}

func startDaemon(t *testing.T, bin string) *daemon {
	t.Helper()
	testkit.RequireRoot(t)
	d := &daemon{bin: bin, docker: filepath.Join(bin, "usr/bin/docker"), dir: testkit.Dir(t)}
	if bin == "" {
		d.docker = testkit.RequireTool(t, "docker", "docker.io")
	}
	d.socket = filepath.Join(d.dir, "run", "docker.sock")
	if err := os.Mkdir(filepath.Join(d.dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: d.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	listener.SetUnlinkOnClose(false)
	if d.listener, err = listener.File(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.listener.Close() })
	testkit.CleanUpDockerd(t, d.dir)
	d.start(t)
	t.Cleanup(func() { d.stop(t) })
	load := exec.Command(d.docker, "import", "-", image)
	load.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket)
	testkit.ImportDockerImage(t, load)
	return d
}

func (d *daemon) start(t *testing.T) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd = testkit.DockerdCommand(t, d.dir, "-H", "fd://")
	if d.bin != "" {
		d.cmd = testkit.OtherDockerdCommand(t, d.bin+"/usr/sbin/dockerd", d.dir, "-H", "fd://")
	}
	d.cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "PATH="+d.bin+"/usr/bin:"+os.Getenv("PATH")) // as systemd starts it: the socket outlives the daemon
	d.cmd.ExtraFiles = []*os.File{d.listener}
	d.cmd.Stdout, d.cmd.Stderr = log, log
	d.cmd.SysProcAttr.Pdeathsig = unix.SIGTERM
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := d.client()
	client.Timeout = time.Second // before it accepts, clients wait
	defer client.CloseIdleConnections()
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(50 * time.Millisecond) {
		if answer, err := client.Get("http://docker/_ping"); err == nil {
			answer.Body.Close()
			return
		}
		if time.Now().After(deadline) || unix.Kill(d.cmd.Process.Pid, 0) != nil {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
			testkit.Skip(t, "dockerd does not start here")
		}
	}
}

// client speaks HTTP with the daemon itself.
func (d *daemon) client() *http.Client { return clientOf(d.socket) }

func clientOf(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
}

func (d *daemon) stop(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := d.cmd.Wait(); err != nil {
		t.Errorf("dockerd ends with %v", err)
	}
}

// cli runs docker against the daemon itself, and returns what it prints.
func (d *daemon) cli(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(d.docker, args...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+d.socket)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}
