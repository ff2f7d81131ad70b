package starts_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// ownRun gives the test a /run of its own.
func ownRun(t *testing.T) {
	t.Helper()
	do(t, unix.Mount("none", "/run", "tmpfs", 0, "mode=755"))
	t.Cleanup(func() { do(t, unix.Unmount("/run", unix.MNT_DETACH)) })
}

// dockerStart prepares a start whose job has a file in its _temp, and then runs the script, with docker in PATH.
func (s scratch) dockerStart(socket, script string) *start {
	c := command(nil, s.worker, "-c", `touch "$T/here"; `+script)
	c.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket, "DOCKER_CONFIG=/nonexistent", "T="+s.temp, "IMAGE="+testkit.DockerImage)
	return c
}

const listTemp = `docker run --rm --network=none -v "$T:/x" "$IMAGE" /bin/ls /x`

// doctorOnDocker returns what doctor says of the runner's Docker, for a Listener that the runner's user has started.
func (s scratch) doctorOnDocker(t *testing.T, socket string) (level, what string) {
	t.Helper()
	sleep, err := os.ReadFile(testkit.RequireTool(t, "sleep", "coreutils"))
	listener := filepath.Join(s.root, "bin", "Runner.Listener")
	do(t, err, os.WriteFile(listener, sleep, 0o755), os.WriteFile(filepath.Join(s.root, ".env"), []byte("DOCKER_HOST=unix://"+socket+"\n"), 0o644))
	c := command(nil, listener, "1000")
	do(t, c.Start())
	testkit.Becomes(t, c.Process.Pid, listener)
	defer func() { _ = c.Process.Kill(); _ = c.Wait() }()
	out, _ := exec.Command(testkit.Binary(t), "doctor", "--json", "--runner-root", s.root).Output()
	var report struct {
		Runners []struct {
			Checks []struct{ Check, Level, Found string }
		}
	}
	do(t, json.Unmarshal(out, &report))
	for _, check := range report.Runners[0].Checks {
		if check.Check == "docker" {
			return check.Level, check.Found
		}
	}
	t.Fatalf("doctor says nothing of Docker: %s", out)
	return "", ""
}

// TestDockerSocketOfAnotherContainer: the socket of a dockerd where actions-runner-controller keeps it, root's and the
// group's. A job of a user in that group starts, and its containers see its own _temp.
func TestDockerSocketOfAnotherContainer(t *testing.T) {
	if !inside(t) {
		return
	}
	ownRun(t)
	const socket = "/run/docker/docker.sock"
	do(t, os.Mkdir(filepath.Dir(socket), 0o755))
	testkit.StartDockerdAt(t, socket, "--group", itoa(group))
	var st unix.Stat_t
	do(t, unix.Stat(socket, &st))
	if st.Uid != 0 || st.Gid != group || st.Mode&0o777 != 0o660 {
		t.Fatalf("dockerd makes the socket %d:%d %o", st.Uid, st.Gid, st.Mode)
	}
	s := ordinary(t, capable(t))
	for _, path := range []string{socket, "/var" + socket} {
		c := s.dockerStart(path, listTemp)
		if code := c.end(t); code != 0 || c.out.String() != "here\n" || c.err.String() != "" {
			t.Errorf("%s: exit code %d, %q, %q", path, code, &c.out, &c.err)
		}
		if left := entries(t, s.temp); len(left) > 0 {
			t.Errorf("%s: the host's _temp has %q", path, left)
		}
		if level, what := s.doctorOnDocker(t, path); level != "ok" || !strings.Contains(what, path) {
			t.Errorf("%s: doctor says %s: %s", path, level, what)
		}
	}
	s.gone(t, "after the Workers")
}

// TestPodmanSocket: podman's service answers to docker, at its usual place.
func TestPodmanSocket(t *testing.T) {
	podman := testkit.RequireTool(t, "podman", "podman")
	docker := testkit.RequireTool(t, "docker", "docker.io")
	if !inside(t) {
		return
	}
	ownRun(t)
	const socket = "/run/podman/podman.sock"
	do(t, os.Mkdir(filepath.Dir(socket), 0o755))
	startPodman(t, podman, socket)
	do(t, os.Chown(socket, 0, group), os.Chmod(socket, 0o660))
	t.Setenv("DOCKER_HOST", "unix://"+socket)
	testkit.ImportDockerImage(t, exec.Command(docker, "import", "-", testkit.DockerImage))
	s := ordinary(t, capable(t))
	// It writes the options of a bind in its own way (src:/t:rw,rprivate,rbind).
	c := s.dockerStart(socket, listTemp+`; mkdir "$T/sub"; docker create --name=shown --network=none -v "$T/sub:/s" -v "$T/..:/w" "$IMAGE" /bin/ls >/dev/null
		docker inspect -f '{{range .HostConfig.Binds}}{{.}} {{end}}{{range .Mounts}}{{.Source}} {{end}}' shown | tr ' ' '\n' | cut -d: -f1-2 | LC_ALL=C sort; docker rm shown >/dev/null`)
	work := filepath.Dir(s.temp)
	want := "here\n\n" + work + "\n" + s.temp + "/sub\n" + s.temp + "/sub:/s\n" + work + ":/w\n"
	if code := c.end(t); code != 0 || c.out.String() != want || c.err.String() != "" {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	if level, what := s.doctorOnDocker(t, socket); level != "ok" {
		t.Errorf("doctor says %s: %s", level, what)
	}
	s.gone(t, "after the Worker")
}

// startPodman starts podman's service in a PID namespace of its own, so that nothing of its outlives the test.
func startPodman(t *testing.T, podman, socket string) {
	t.Helper()
	dir := testkit.Dir(t)
	testkit.CleanUpCgroup(t, "libpod_parent")
	testkit.CleanUpCgroup(t, filepath.Base(dir))
	conf := filepath.Join(dir, "containers.conf")
	do(t, os.WriteFile(conf, []byte(`[containers]
default_ulimits = ["nofile=256:256", "nproc=256:256"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`), 0o644))
	log, err := os.Create(filepath.Join(dir, "log"))
	do(t, err)
	defer log.Close()
	cmd := exec.Command("/bin/sh", "-c", `mount -t proc proc /proc && exec "$@"`, "sh", podman, "--root", dir+"/root", "--runroot", dir+"/runroot", "--tmpdir", dir+"/tmp",
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "system", "service", "--time", "0", "unix://"+socket)
	cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+conf, "TMPDIR="+dir) // where it leaves what it was told to load
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET, Pdeathsig: unix.SIGKILL}
	do(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(socket); err == nil {
			return
		}
		if text, _ := os.ReadFile(log.Name()); time.Now().After(deadline) {
			t.Fatalf("podman does not serve:\n%s", text)
		}
	}
}

// TestSocketThatMayNotBeCovered: anybody may write to it, as to D-Bus's, and programs with more rights trust who answers
// there. The start goes on, says so once, and leaves it as it is. Root's list has it covered.
func TestSocketThatMayNotBeCovered(t *testing.T) {
	if !inside(t) {
		return
	}
	ownRun(t)
	const bus = "/run/dbus/system_bus_socket"
	do(t, os.Mkdir(filepath.Dir(bus), 0o755))
	listenAt(t, bus, 0o666, 0)
	s := ordinary(t, capable(t))
	var is unix.Stat_t
	do(t, unix.Stat(bus, &is))
	script := `stat -c '%i' ` + bus + `; grep -c ' /run/dbus' /proc/self/mountinfo; ls "$WORKER_WRAP_HOST_TEMP".docker.sock 2>/dev/null; ls "$WORKER_WRAP_HOST_TEMP"`
	c := s.dockerStart(bus, script)
	if code := c.end(t); code != 0 || c.out.String() != itoa(is.Ino)+"\n0\nhere\n" {
		t.Errorf("exit code %d, %q", code, &c.out)
	}
	oneLine(t, c.err.String(), "containers will not see this job's _temp", bus, "belongs to uid 0", dockersocket.ListPath)
	if all := s.log(t, events.NoProxy); len(all) != 1 || !strings.Contains(all[0].Error, bus) || all[0].Job.PID != s.last(t, events.Start).PID {
		t.Errorf("the event log has %+v", all)
	}
	if e := s.last(t, events.Start); e.Outcome != events.Private || e.Error != "" {
		t.Errorf("the event log has %+v", e)
	}
	if level, what := s.doctorOnDocker(t, bus); level != "problem" || !strings.Contains(what, bus) {
		t.Errorf("doctor says %s: %s", level, what)
	}
	if code, _, stderr := s.run(t, "true", "DOCKER=off"); code != 0 || stderr != "" {
		t.Errorf("with WORKER_WRAP_DOCKER=off: exit code %d, %q", code, stderr)
	}

	do(t, unix.Mount("none", "/etc", "tmpfs", 0, "mode=755"))
	defer func() { do(t, unix.Unmount("/etc", unix.MNT_DETACH)) }()
	do(t, os.Mkdir(filepath.Dir(dockersocket.ListPath), 0o755), os.WriteFile(dockersocket.ListPath, []byte(bus+"\n"), 0o644))
	c = s.dockerStart(bus, `[ `+bus+` -ef "$WORKER_WRAP_HOST_TEMP.docker.sock" ] && echo proxy`)
	if code := c.end(t); code != 0 || c.out.String() != "proxy\n" || c.err.String() != "" {
		t.Errorf("named by root: exit code %d, %q, %q", code, &c.out, &c.err)
	}
	if level, what := s.doctorOnDocker(t, bus); level != "ok" {
		t.Errorf("named by root: doctor says %s: %s", level, what)
	}
	s.gone(t, "after the Workers")
}

// TestSocketMadeAnew: a daemon makes its socket anew between the look at it and the mount. The start looks again.
func TestSocketMadeAnew(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	s := ordinary(t, testkit.Binary(t))
	socket := s.socket()
	listenAt(t, socket, 0o600, 0)
	c := &start{Cmd: exec.Command(strace, "-o", testkit.Dir(t)+"/trace", "-P", socket, "-e", "trace=openat2", "-e", "inject=openat2:signal=STOP:when=1",
		"--", s.worker, "-c", `[ `+socket+` -ef "$WORKER_WRAP_HOST_TEMP.docker.sock" ] && echo proxy`)}
	c.Stdout, c.Stderr = &c.out, &c.err
	c.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket)
	do(t, c.Start())
	pid := c.stopped(t)
	do(t, os.Remove(socket))
	listenAt(t, socket, 0o600, 0)
	do(t, unix.Kill(pid, unix.SIGCONT))
	if code := c.end(t); code != 0 || c.out.String() != "proxy\n" || c.err.String() != "" {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
	s.gone(t, "after the Worker")
}
