package testkit

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Dockerd is a Docker daemon of the test's own, without a network, with one image: [DockerImage].
type Dockerd struct {
	docker string // the CLI
	dir    string
	socket string
}

// DockerImage is an image with busybox and nothing else; its shell is /bin/sh.
const DockerImage = "worker-wrap-busybox:test"

// StartDockerd starts a daemon that ends with the test. It skips where one cannot run.
func StartDockerd(t testing.TB) *Dockerd {
	t.Helper()
	RequireRoot(t)
	d := &Dockerd{docker: RequireTool(t, "docker", "docker.io"), dir: Dir(t)}
	d.socket = filepath.Join(d.dir, "docker.sock")
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(RequireTool(t, "dockerd", "docker.io"),
		"--data-root", d.dir+"/data", "--exec-root", d.dir+"/exec", "--pidfile", d.dir+"/pid", "-H", "unix://"+d.socket,
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("dockerd ends with %v", err)
		}
	})
	for deadline := time.Now().Add(60 * time.Second); exec.Command(d.docker, "-H", "unix://"+d.socket, "version").Run() != nil; {
		if time.Now().After(deadline) || unix.Kill(cmd.Process.Pid, 0) != nil {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
			Skip(t, "dockerd does not start here")
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.load(t)
	return d
}

// Command prepares a command of the docker CLI.
func (d *Dockerd) Command(args ...string) *exec.Cmd {
	return exec.Command(d.docker, append([]string{"-H", "unix://" + d.socket}, args...)...)
}

// load makes the image.
func (d *Dockerd) load(t testing.TB) {
	t.Helper()
	busybox, err := os.ReadFile(RequireTool(t, "busybox", "busybox-static"))
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, h := range []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
		{Name: "bin/busybox", Mode: 0o755, Size: int64(len(busybox))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(busybox); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"sh", "cat", "touch", "readlink", "ls", "true", "id"} {
		if err := w.WriteHeader(&tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := d.Command("import", "-", DockerImage)
	cmd.Stdin = &layer
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
