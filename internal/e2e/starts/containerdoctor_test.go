package starts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// contained is a runner's container, in which a job and doctor are run.
type contained struct {
	*testing.T
	d    *testkit.Dockerd
	name string
}

// in runs a command there as a user, and returns what it prints.
func (c contained) in(as string, env []string, args ...string) string {
	c.Helper()
	line := []string{"exec", "--user", as}
	for _, e := range env {
		line = append(line, "-e", e)
	}
	out, _ := c.d.Command(append(append(line, c.name), args...)...).CombinedOutput()
	return string(out)
}

// containedIn starts a container of a test's, with more options.
func containedIn(t *testing.T, d *testkit.Dockerd, options ...string) contained {
	t.Helper()
	args := append([]string{"run", "-d", "--network=none"}, options...)
	cmd := d.Command(append(args, testkit.DockerImage, "/bin/sleep", "600")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	id, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	c := contained{t, d, strings.TrimSpace(string(id))}
	t.Cleanup(func() { _ = d.Command("rm", "-f", c.name).Run() })
	return c
}

// olderCapability returns a worker-wrap with the file capability of older versions, without which the kernel runs it nowhere.
func olderCapability(t *testing.T) string {
	t.Helper()
	path := capable(t)
	out, err := exec.Command(testkit.RequireTool(t, "setcap", "libcap2-bin"), "cap_sys_admin+ep", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// TestDoctorInDocker: in the ways of a runner in a container doctor's verdict is what becomes of a job there. Its line
// on Docker is what a start does about the socket, and no mend is for a unit. Once what it prints is done all is well.
func TestDoctorInDocker(t *testing.T) {
	d := testkit.StartDockerd(t)
	withCap := capable(t)
	c := containers{command: d.Command, socket: strings.TrimPrefix(d.Command().Args[2], "unix://"), binary: testkit.Binary(t)}
	const usual = "/var/run/docker.sock"
	may := []string{"--cap-add", "SYS_ADMIN"}
	at := func(place string, options ...string) []string {
		return append(append(options, may...), "-v", c.socket+":"+place)
	}
	for _, row := range []containerRow{
		{"no rights", "", nil, user, "FALLBACK=none", "", 0, "refused", "→ run it with --cap-add SYS_ADMIN"},
		{"no rights, to run", "", nil, user, "FALLBACK=run", "", 0, "plain", "jobs share one _temp"},
		{"no rights, older capability", olderCapability(t), nil, user, "FALLBACK=run", "", 0, "refused", "cap_sys_admin+ep, which an older worker-wrap gave it"},
		{"rights", "", may, user, "", "", 0, "isolated", "may have CAP_SYS_ADMIN"},
		{"rights, root", "", may, 0, "", "", 0, "isolated", "the runner runs as root"},
		{"root without new privileges", "", append([]string{"--security-opt", "no-new-privileges"}, may...), 0, "", "", 0, "isolated", "the runner runs as root"},
		{"a user without new privileges", "", append([]string{"--security-opt", "no-new-privileges"}, may...), user, "FALLBACK=none", "", 0, "refused", "→ run it without --security-opt no-new-privileges"},
		{"no program in /tmp", "", append([]string{"--tmpfs", "/tmp:noexec,mode=1777"}, may...), user, "", "", 0, "isolated", "its _temp was its own"},
		{"a user namespace", "", []string{"--security-opt", "seccomp=unconfined"}, user, "USERNS=1", "", 0, "isolated", "which no runner here needs"},
		{"its daemon", "", at(usual), user, "", "", user, "isolated proxy", "which jobs reach through worker-wrap's proxy"},
		{"its daemon, off", "", at(usual), user, "DOCKER=off", "", user, "isolated", "! docker      WORKER_WRAP_DOCKER=off"},
		{"its daemon, by sudo only", "", at(usual), user, "", "", 0, "isolated", "cannot use the Docker socket " + usual},
		{"a socket that is no usual one", "", at("/d.sock"), user, "DOCKER_HOST=unix:///d.sock", "", 61000, "isolated", "✗ docker      the Docker socket /d.sock belongs to uid 61000"},
		{"seen elsewhere", "", at(usual), user, "", "/elsewhere", user, "isolated proxy", "sees the work folder /elsewhere/_work at "},
	} {
		t.Run(row.what, func(t *testing.T) { c.check(t, row) })
	}
	t.Run("look into a job", func(t *testing.T) { testLook(t, d, withCap) })
	t.Run("two at one path", func(t *testing.T) { testSamePlace(t, d, withCap) })
}

// TestDoctorInPodman is the same for some of them in Podman's.
func TestDoctorInPodman(t *testing.T) {
	testkit.RequireRoot(t)
	podman, dir := testkit.RequireTool(t, "podman", "podman"), testkit.Dir(t)
	group := filepath.Base(dir)
	testkit.CleanUpCgroup(t, "libpod_parent")
	testkit.CleanUpCgroup(t, group)
	conf := filepath.Join(dir, "containers.conf")
	do(t, os.WriteFile(conf, []byte("[containers]\ndefault_ulimits = [\"nofile=256:256\", \"nproc=256:256\"]\n"), 0o644))
	c := containers{binary: testkit.Binary(t), command: func(args ...string) *exec.Cmd {
		if args[0] == "run" {
			args = append([]string{"run", "--cgroup-parent=/" + group}, args[1:]...)
		}
		cmd := exec.Command(podman, append([]string{
			"--root", dir + "/root", "--runroot", dir + "/runroot", "--tmpdir", dir + "/tmp",
			"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "file",
		}, args...)...)
		cmd.Env = append(os.Environ(), "CONTAINERS_CONF="+conf)
		return cmd
	}}
	testkit.ImportDockerImage(t, c.command("import", "-", testkit.DockerImage))
	may := []string{"--cap-add", "SYS_ADMIN"}
	for _, row := range []containerRow{
		{"no rights", "", nil, user, "FALLBACK=none", "", 0, "refused", "this is a container (podman) without CAP_SYS_ADMIN"},
		{"rights", "", may, user, "", "", 0, "isolated", "may have CAP_SYS_ADMIN"},
	} {
		t.Run(row.what, func(t *testing.T) { c.check(t, row) })
	}
}

// testLook: root in a container without CAP_SYS_PTRACE cannot look into a job, and is told what lets them; with it
// enter goes there. Once the container is started again, nothing of its former life keeps an uninstall from its work.
func testLook(t *testing.T, d *testkit.Dockerd, shim string) {
	for _, may := range []bool{false, true} {
		s := ordinary(t, shim)
		do(t, os.WriteFile(s.worker+".real", []byte("#!/bin/sh\necho here >$1\nexec /bin/sleep 600\n"), 0o755))
		dir := filepath.Dir(shim)
		options := []string{"-v", dir + ":" + dir, "-v", s.root + ":" + s.root, "--cap-add", "SYS_ADMIN", "-e", "WORKER_WRAP_ISOLATE=always"}
		if may {
			options = append(options, "--cap-add", "SYS_PTRACE")
		}
		in := containedIn(t, d, options...)
		if out, err := d.Command("exec", "-d", "--user", fmt.Sprint(user), in.name, s.worker, s.temp+"/mark").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		eventually(t, func() error {
			if found, _ := filepath.Glob(s.store + "/*/mark"); len(found) == 0 {
				return fmt.Errorf("no job has begun in %s", s.store)
			}
			return nil
		})
		listed := in.in("0", nil, shim, "ps", "--wide")
		entered := in.in("0", nil, shim, "enter", "latest", "--", "/bin/cat", s.temp+"/mark")
		switch {
		case may && (!strings.Contains(listed, "private") || !strings.Contains(listed, "mnt:[") || entered != "here\n"):
			t.Errorf("with the capability:\n%s\n%s", listed, entered)
		case !may && (strings.Contains(listed, "mnt:[0]") || !strings.Contains(entered, "--cap-add SYS_PTRACE")):
			t.Errorf("without the capability:\n%s\n%s", listed, entered)
		}
		if !may {
			continue
		}
		found, _ := filepath.Glob(s.store + "/*/mark")
		do(t, os.Remove(found[0]), os.Chtimes(filepath.Dir(found[0]), time.Time{}, time.Now().Add(-time.Hour))) // as if the job had put nothing there
		if out, err := d.Command("restart", "-t", "0", in.name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out := in.in("0", nil, shim, "uninstall", "--runner-root", s.root)
		_, behind := os.Lstat(s.worker + ".real")
		if _, err := os.Lstat(s.store); err == nil || behind == nil {
			t.Errorf("an uninstall after a restart leaves the store (%v) or the shim (%v):\n%s", err, behind, out)
		}
	}
}

// testSamePlace: of two containers that share the host's PID namespace, and have their runners at one path, neither
// counts the other's Worker, or waits for it.
func testSamePlace(t *testing.T, d *testkit.Dockerd, shim string) {
	dir := filepath.Dir(shim)
	var of [2]scratch
	var in [2]contained
	for i := range of {
		of[i] = ordinary(t, shim)
		do(t, os.WriteFile(of[i].worker+".real", []byte("#!/bin/sh\nexec /bin/sh -c \"$1\"\n"), 0o755))
		in[i] = containedIn(t, d, "--pid=host", "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE", "-e", "WORKER_WRAP_ISOLATE=always", "-v", dir+":"+dir, "-v", of[i].root+":/runner")
	}
	const worker = "/runner/bin/Runner.Worker"
	if out, err := d.Command("exec", "-d", "--user", fmt.Sprint(user), in[0].name, worker, "echo here >/runner/_work/_temp/mark; exec /bin/sleep 600").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	eventually(t, func() error {
		if found, _ := filepath.Glob(of[0].store + "/*/mark"); len(found) == 0 {
			return fmt.Errorf("no job has begun in %s", of[0].store)
		}
		return nil
	})
	for i := range of {
		var runners []struct{ Workers []struct{ PID int } }
		said := in[i].in("0", nil, shim, "status", "--json", "--runner-root", "/runner")
		if err := json.Unmarshal([]byte(said), &runners); err != nil || len(runners) != 1 || len(runners[0].Workers) != 1-i {
			t.Errorf("status in container %d: %v\n%s", i, err, said)
		}
	}
	in[1].in(fmt.Sprint(user), []string{"WORKER_WRAP_WAIT=10s"}, worker, ":")
	if waits := of[1].log(t, events.Wait); len(waits) > 0 || of[1].last(t, events.Start).Outcome != "private" {
		t.Errorf("it waits for the other container's Worker: %+v", waits)
	}
}
