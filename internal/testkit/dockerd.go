package testkit

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
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

// NewerDocker returns the root folder of Debian 13's Docker, with containerd, Compose and Buildx: the newest that runs here.
// [NewerDockerVar] names another one.
func NewerDocker(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv(NewerDockerVar); dir != "" {
		return dir
	}
	RequireTool(t, "dpkg-deb", "dpkg")
	var said bytes.Buffer
	get := exec.Command(filepath.Join(Root(), "scripts", "lib", "debian-docker"), "trixie")
	get.Stderr = &said
	out, err := get.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &said)
	}
	return strings.TrimSpace(string(out))
}

// NewerDockerVar names the root folder of a Docker for [NewerDocker], as scripts/lib/debian-docker makes one. Forky's (28.5,
// API 1.51) passes too, but a suite that moves would break a build that nobody changed. One of API 1.56 is there by hand:
// cmd/dockerd of github.com/moby/moby/v2 at v2.0.0-beta.24, which takes minutes to build, and runc 1.5 with seccomp, as
// it wants time namespaces.
const NewerDockerVar = "WORKER_WRAP_TEST_DOCKER"

// DockerdCommand prepares a dockerd with everything of its own below dir, and a network namespace with nothing but
// loopback: a Docker network that a test makes is a bridge, and dockerd leaves bridges behind when it ends. docker
// network rm removes them, but no client does that for its default network. A socket in ExtraFiles is listened on with
// "-H fd://" and LISTEN_FDS=1, as sd_listen_fds(3) has it. Call [CleanUpDockerd] before.
func DockerdCommand(t testing.TB, dir string, args ...string) *exec.Cmd {
	t.Helper()
	return OtherDockerdCommand(t, RequireTool(t, "dockerd", "docker.io"), dir, args...)
}

// OtherDockerdCommand does so with the daemon at that path. It finds containerd in PATH.
func OtherDockerdCommand(t testing.TB, dockerd, dir string, args ...string) *exec.Cmd {
	t.Helper()
	busybox := RequireTool(t, "busybox", "busybox-static")
	cmd := exec.Command("/bin/sh", append([]string{
		"-c", `"$0" ip link set lo up && LISTEN_PID=$$ exec "$@"`, busybox, dockerd,
		"--data-root", dir + "/data", "--exec-root", dir + "/exec", "--pidfile", dir + "/pid",
		"--cgroup-parent", "/" + filepath.Base(dir), "--exec-opt", "native.cgroupdriver=cgroupfs",
		"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false", "--userland-proxy=false",
	}, args...)...)
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWNET}
	return cmd
}

// CleanUpDockerd removes, when the test ends, what daemons of [DockerdCommand] leave outside dir: control
// groups, and what every first dockerd of a machine makes. The daemons must have ended by then.
func CleanUpDockerd(t testing.TB, dir string) {
	t.Helper()
	var made []string
	for _, path := range []string{ // dockerd 20.10 has no option for these
		"/etc/docker/key.json", "/etc/docker", "/run/docker/plugins", "/run/docker", "/run/containerd/s", "/run/containerd", "/run/runc",
	} {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			made = append(made, path)
		}
	}
	t.Cleanup(func() {
		if err := removeCgroup(filepath.Base(dir)); err != nil {
			t.Error(err)
		}
		for _, path := range made {
			_ = os.Remove(path) // what another daemon has filled meanwhile stays
		}
	})
}

// CleanUpCgroup removes, when the test ends, control groups of that name that were not there before.
func CleanUpCgroup(t testing.TB, name string) {
	t.Helper()
	if had, _ := filepath.Glob("/sys/fs/cgroup/*/" + name); len(had) > 0 {
		return
	}
	t.Cleanup(func() {
		if err := removeCgroup(name); err != nil {
			t.Error(err)
		}
	})
}

// removeCgroup removes the control groups of that name, and those below them, of every hierarchy: version 1's
// many and version 2's one (cgroups(7)). They must have no process; one that has just ended is waited for.
func removeCgroup(name string) error {
	var failed error
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		failed = nil
		for _, pattern := range []string{"*/*/*", "*/*", "*"} {
			all, _ := filepath.Glob(filepath.Join("/sys/fs/cgroup", pattern))
			for _, path := range all {
				if slices.Contains(strings.Split(path, "/"), name) {
					failed = errors.Join(failed, os.Remove(path))
				}
			}
		}
		if failed == nil {
			return nil
		}
	}
	return failed
}

// StartDockerd starts a daemon that ends with the test. It skips if one cannot run.
func StartDockerd(t testing.TB) *Dockerd {
	t.Helper()
	return StartDockerdAt(t, "")
}

// StartDockerdAt does so with its socket at that path, "" for one in the daemon's folder, and more arguments.
func StartDockerdAt(t testing.TB, socket string, args ...string) *Dockerd {
	t.Helper()
	RequireRoot(t)
	d := &Dockerd{docker: RequireTool(t, "docker", "docker.io"), dir: Dir(t), socket: socket}
	if socket == "" {
		d.socket = filepath.Join(d.dir, "docker.sock")
	}
	log, err := os.Create(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	CleanUpDockerd(t, d.dir)
	cmd := DockerdCommand(t, d.dir, append([]string{"-H", "unix://" + d.socket}, args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(unix.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("dockerd ends with %v", err)
		}
	})
	for deadline := time.Now().Add(Patience); exec.Command(d.docker, "-H", "unix://"+d.socket, "version").Run() != nil; {
		if time.Now().After(deadline) || unix.Kill(cmd.Process.Pid, 0) != nil {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s", text)
			Skip(t, "dockerd does not start here")
		}
		time.Sleep(100 * time.Millisecond)
	}
	ImportDockerImage(t, d.Command("import", "-", DockerImage))
	return d
}

// Command prepares a command of the docker CLI.
func (d *Dockerd) Command(args ...string) *exec.Cmd {
	return exec.Command(d.docker, append([]string{"-H", "unix://" + d.socket}, args...)...)
}

// ImportDockerImage runs cmd, a docker import, with a static busybox as the whole of the image.
func ImportDockerImage(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	busybox, err := os.ReadFile(RequireTool(t, "busybox", "busybox-static"))
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	write := func(h tar.Header, data []byte) {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	write(tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	write(tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	write(tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil)
	write(tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(busybox))}, busybox)
	for _, name := range []string{"sh", "cat", "dd", "echo", "env", "head", "id", "ls", "mkdir", "readlink", "sleep", "tail", "touch", "true", "wc"} {
		write(tar.Header{Name: "bin/" + name, Typeflag: tar.TypeSymlink, Linkname: "busybox"}, nil)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = &layer
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}
