package starts_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

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

// TestDoctorInDocker: in the ways of a runner in a container doctor's verdict is what becomes of a job there, its line on
// Docker what a start does about the socket, and no mend is one for a unit.
func TestDoctorInDocker(t *testing.T) {
	d := testkit.StartDockerd(t)
	bare, withCap := testkit.Binary(t), capable(t)
	socket := strings.TrimPrefix(d.Command().Args[2], "unix://")
	const usual = "/var/run/docker.sock"
	may := []string{"--cap-add", "SYS_ADMIN"}
	at := func(place string, options ...string) []string {
		return append(append(options, may...), "-v", socket+":"+place)
	}
	for _, c := range []struct {
		what    string
		shim    string
		options []string
		user    int
		env     string // of the Listener's, and in .env
		there   string // where the container has the runner, "" for the host's path
		owner   int    // of the Docker socket
		job     string // what becomes of one: isolated, plain or refused; with "proxy" if it has one
		says    string // part of doctor's report
	}{
		{"no rights", withCap, nil, user, "FALLBACK=none", "", 0, "refused", "→ run it with --cap-add SYS_ADMIN"},
		{"no rights, to run", withCap, nil, user, "FALLBACK=run", "", 0, "plain", "jobs share one _temp"},
		{"rights", withCap, may, user, "", "", 0, "isolated", "may have CAP_SYS_ADMIN"},
		{"rights, root", bare, may, 0, "", "", 0, "isolated", "the runner runs as root"},
		{"root without new privileges", withCap, append([]string{"--security-opt", "no-new-privileges"}, may...), 0, "", "", 0, "isolated", "the runner runs as root"},
		{"a user without new privileges", withCap, append([]string{"--security-opt", "no-new-privileges"}, may...), user, "FALLBACK=none", "", 0, "refused", "→ run it without --security-opt no-new-privileges"},
		{"no program in /tmp", withCap, append([]string{"--tmpfs", "/tmp:noexec,mode=1777"}, may...), user, "", "", 0, "isolated", "its _temp was its own"},
		{"a user namespace", bare, []string{"--security-opt", "seccomp=unconfined"}, user, "USERNS=1", "", 0, "isolated", "which no runner here needs"},
		{"its daemon", withCap, at(usual), user, "", "", user, "isolated proxy", "which jobs reach through worker-wrap's proxy"},
		{"its daemon, off", withCap, at(usual), user, "DOCKER=off", "", user, "isolated", "! docker      WORKER_WRAP_DOCKER=off"},
		{"its daemon, by sudo only", withCap, at(usual), user, "", "", 0, "isolated", "cannot use the Docker socket " + usual},
		{"a socket that is no usual one", withCap, at("/d.sock"), user, "DOCKER_HOST=unix:///d.sock", "", 61000, "isolated", "✗ docker      the Docker socket /d.sock belongs to uid 61000"},
		{"seen elsewhere", withCap, at(usual), user, "", "/elsewhere", user, "isolated proxy", "sees the work folder /elsewhere/_work at "},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := ordinary(t, c.shim)
			testkit.Give(t, s.root, c.user)
			do(t, os.WriteFile(s.worker+".real", []byte("#!/bin/sh\nexec /bin/sh -c \"$1\"\n"), 0o755))
			mode := os.FileMode(0o600)
			if c.owner > user-1000 && c.owner != user { // a third's, which everybody may use
				mode = 0o666
			}
			do(t, os.Chown(socket, c.owner, 0))
			do(t, os.Chmod(socket, mode))
			env := []string{"WORKER_WRAP_ISOLATE=always"}
			switch {
			case strings.HasPrefix(c.env, "DOCKER_HOST"):
				env = append(env, c.env)
			case c.env != "":
				env = append(env, "WORKER_WRAP_"+c.env)
			}
			root, dir := s.root, filepath.Dir(c.shim)
			if c.there != "" {
				root = c.there
			}
			do(t, os.WriteFile(filepath.Join(s.root, ".env"), []byte(strings.Join(env, "\n")+"\n"), 0o644))
			// Each in a container of its own: docker exec does not hand on no_new_privs to an ordinary user.
			in := func(as int, args ...string) string {
				line := append([]string{"run", "--rm", "--network=none", "--user", fmt.Sprint(as), "-v", dir + ":" + dir + ":ro", "-v", s.root + ":" + root}, c.options...)
				for _, e := range env {
					line = append(line, "-e", e)
				}
				out, _ := d.Command(append(append(line, testkit.DockerImage), args...)...).CombinedOutput()
				return string(out)
			}
			said := in(c.user, "/bin/sh", "-c", `exec "$0" "$1"`, root+strings.TrimPrefix(s.worker, s.root),
				`case $WORKER_WRAP_HOST_TEMP in */.worker-wrap/*) echo IS isolated;; *) echo IS plain;; esac; while read -r l; do case $l in *worker-wrap*.docker.sock*) echo IS proxy;; esac; done </proc/self/mountinfo`)
			var job []string
			for line := range strings.Lines(said) {
				if is, ok := strings.CutPrefix(line, "IS "); ok {
					job = append(job, strings.TrimSpace(is))
				}
			}
			if len(job) == 0 {
				job = []string{"refused"}
			}
			if got := strings.Join(job, " "); got != c.job {
				t.Errorf("the job is %s, want %s: %s", got, c.job, said)
			}
			do(t, os.RemoveAll(s.store)) // of another PID namespace now
			report, state, _ := strings.Cut(in(0, "/bin/sh", "-c", `"$0" doctor --runner-root "$1"; echo ====; "$0" status --runner-root "$1"`, c.shim, root), "====\n")
			protected := strings.Contains(report, "\nthe runner is protected")
			// A job's containers are part of it.
			if protected != (job[0] == "isolated" && !strings.HasPrefix(c.says, "✗ docker")) {
				t.Errorf("the job is %s, and doctor says\n%s", job, report)
			}
			flat := strings.Join(strings.Fields(report), " ")
			if !strings.Contains(flat, strings.Join(strings.Fields(c.says), " ")) {
				t.Errorf("doctor does not say %q:\n%s", c.says, report)
			}
			for _, wrong := range []string{"systemctl", "service's unit", "lchown", "job was not started: "} {
				if strings.Contains(report, wrong) && (wrong[0] != 'j' || job[0] != "refused") {
					t.Errorf("doctor says %q:\n%s", wrong, report)
				}
			}
			if strings.Contains(state, "  yes  ") != protected {
				t.Errorf("status says otherwise than doctor:\n%s", state)
			}
		})
	}
}

// TestLookInDocker: root in a container without CAP_SYS_PTRACE cannot look into a job, and is told what lets them; with it
// enter goes there.
func TestLookInDocker(t *testing.T) {
	d := testkit.StartDockerd(t)
	shim := capable(t)
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
	}
}
