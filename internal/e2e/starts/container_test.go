package starts_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestInDocker: a runner in a container, as root and as an ordinary user, without and with the rights that
// isolation needs.
func TestInDocker(t *testing.T) {
	d := testkit.StartDockerd(t)
	bare, withCap := testkit.Binary(t), capable(t)
	runners := map[string]scratch{bare: ordinary(t, bare), withCap: ordinary(t, withCap)}
	for _, s := range runners {
		if err := os.WriteFile(s.worker+".real", []byte("#!/bin/sh\nexec /bin/sh -c \"$1\"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const root = 0
	for _, c := range []struct {
		what     string
		shim     string
		options  []string
		user     int
		settings []string
		code     int
		isolated bool
		says     []string // on stderr; none where nothing may be said
	}{
		{"no rights, root", bare, nil, root, nil, 125, false, []string{"--cap-add SYS_ADMIN"}},
		{"no rights, root, run", bare, nil, root, []string{"FALLBACK=run"}, 0, false, []string{"WITHOUT", "--cap-add SYS_ADMIN"}},
		{"no rights, root, wait", bare, nil, root, []string{"FALLBACK=wait"}, 0, false, nil},
		{"no rights, root, user namespace", bare, nil, root, []string{"USERNS=1"}, 125, false, []string{"user namespace", "seccomp"}},
		{"no rights, user, user namespace", bare, nil, user, []string{"USERNS=1"}, 125, false, []string{"user namespace", "seccomp"}},
		{"no rights, user, user namespace, run", bare, nil, user, []string{"USERNS=1", "FALLBACK=run"}, 0, false, []string{"WITHOUT", "user namespace"}},
		{"no rights, root, alone", bare, nil, root, nil, 0, false, nil},
		{"no rights, file capability, alone", withCap, nil, user, nil, 0, false, nil},
		{"no new privileges", withCap, []string{"--cap-add", "SYS_ADMIN", "--security-opt", "no-new-privileges"}, user, nil, 125, false, []string{"no_new_privs"}},
		{"SYS_ADMIN, root", bare, []string{"--cap-add", "SYS_ADMIN"}, root, nil, 0, true, nil},
		{"SYS_ADMIN, user", withCap, []string{"--cap-add", "SYS_ADMIN"}, user, nil, 0, true, nil},
		{"SYS_ADMIN, user, overlap", withCap, []string{"--cap-add", "SYS_ADMIN"}, user, []string{"ISOLATE=overlap"}, 0, false, nil},
		{"SYS_ADMIN, user, tmpfs", withCap, []string{"--cap-add", "SYS_ADMIN"}, user, []string{"BACKING=tmpfs:1m"}, 0, true, nil},
		{"seccomp allows namespaces, user", bare, []string{"--security-opt", "seccomp=unconfined"}, user, []string{"USERNS=1"}, 0, true, nil},
		{"seccomp allows namespaces, root", bare, []string{"--security-opt", "seccomp=unconfined"}, root, []string{"USERNS=1"}, 0, true, nil},
		{"no rights, file capability", withCap, nil, user, nil, 125, false, []string{"--cap-add SYS_ADMIN"}},
		{"no rights, file capability, run", withCap, nil, user, []string{"FALLBACK=run"}, 0, false, []string{"WITHOUT", "--cap-add SYS_ADMIN"}},
		{"no rights, file capability, root", withCap, nil, root, nil, 125, false, []string{"--cap-add SYS_ADMIN"}},
		{"no rights, file capability, root, run", withCap, nil, root, []string{"FALLBACK=run"}, 0, false, []string{"WITHOUT", "--cap-add SYS_ADMIN"}},
		{"no rights, file capability, user namespace", withCap, nil, user, []string{"USERNS=1"}, 125, false, []string{"user namespace", "seccomp"}},
		{"seccomp allows namespaces, file capability", withCap, []string{"--security-opt", "seccomp=unconfined"}, user, []string{"USERNS=1"}, 0, true, nil},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := runners[c.shim]
			// What one leaves, a start in the next container cannot judge (another PID namespace).
			if err := os.RemoveAll(s.store); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Dir(c.shim)
			args := append([]string{"run", "--rm", "--network=none", "-v", dir + ":" + dir, "-v", s.root + ":" + s.root, "--user", fmt.Sprint(c.user)}, c.options...)
			if c.code == 125 { // else one that is alone would run in the plain _temp
				args = append(args, "-e", "WORKER_WRAP_FALLBACK=none")
			}
			for _, setting := range c.settings {
				args = append(args, "-e", "WORKER_WRAP_"+setting)
			}
			mark := filepath.Join(s.temp, "mark")
			args = append(args, testkit.DockerImage, "/bin/sh", "-c", `exec "$0" "$1"`, s.worker, `echo "$WORKER_WRAP_HOST_TEMP"; touch `+mark)
			cmd := d.Command(args...)
			var out, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &stderr
			_ = cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != c.code {
				t.Errorf("exit code %d, want %d: %q, %q", code, c.code, &out, &stderr)
			}
			if c.says == nil {
				if stderr.Len() > 0 {
					t.Errorf("stderr %q", &stderr)
				}
			} else {
				oneLine(t, stderr.String(), c.says...)
			}
			_, onHost := os.Stat(mark)
			os.Remove(mark)
			if started := c.code == 0; (onHost == nil) != (started && !c.isolated) {
				t.Errorf("the mark in the plain _temp: %v", onHost)
			}
			if isolated := strings.HasPrefix(out.String(), s.store); isolated != c.isolated {
				t.Errorf("the Worker says %q", &out)
			}
			want := map[bool]string{true: events.Private, false: events.Plain}[c.isolated]
			if c.code == 125 {
				want = events.Refused
			}
			if e := s.last(t, events.Start); e.Outcome != want {
				t.Errorf("the event log has %+v, want %s", e, want)
			}
		})
	}
}

// TestTmpfsAndContainers: a job whose _temp is in memory is told so where it wants to mount it into a
// container, and nothing else is refused.
func TestTmpfsAndContainers(t *testing.T) {
	d := testkit.StartDockerd(t)
	s := ordinary(t, testkit.Binary(t))
	run := func(mount string, settings ...string) (int, string) {
		t.Helper()
		cmd := d.Command("run", "--rm", "--network=none", "-v", mount, testkit.DockerImage, "/bin/ls", "/x")
		line := "touch " + s.temp + "/here; exec '" + strings.Join(cmd.Args, "' '") + "'"
		c := command(settings, s.worker, "-c", line)
		c.SysProcAttr = nil // root, who may reach the daemon
		c.Env = append(c.Env, "DOCKER_HOST=unix://"+cmd.Args[2][len("unix://"):])
		code := c.end(t)
		return code, c.out.String() + c.err.String()
	}
	if code, out := run(s.temp + ":/x"); code != 0 || out != "here\n" {
		t.Errorf("with a folder: exit code %d, %q", code, out)
	}
	for _, source := range []string{s.temp, s.temp + "/sub", "$WORKER_WRAP_HOST_TEMP"} {
		mount := source + ":/x"
		if source[0] == '$' {
			mount = `'"` + source + `"':/x`
		}
		if code, out := run(mount, "BACKING=tmpfs"); code != 125 || !strings.Contains(out, "WORKER_WRAP_BACKING=tmpfs") {
			t.Errorf("%s: exit code %d, %q", source, code, out)
		}
	}
	if code, out := run(s.root+"/bin:/x", "BACKING=tmpfs"); code != 0 || !strings.Contains(out, "Runner.Worker.real") {
		t.Errorf("another folder: exit code %d, %q", code, out)
	}

	privateInContainers(t, d, s)

	// In a user namespace the proxy serves an ordinary user, and may lie over any socket: nobody there has more rights.
	socket := d.Command().Args[2][len("unix://"):]
	cmd := d.Command("run", "--rm", "--network=none", "-v", s.temp+":/x", testkit.DockerImage, "/bin/ls", "/x")
	for _, owner := range []int{user, 0} {
		if err := os.Chown(socket, owner, group); err != nil {
			t.Fatal(err)
		}
		c := command([]string{"USERNS=1"}, s.worker, "-c", "touch "+s.temp+"/there; exec '"+strings.Join(cmd.Args, "' '")+"'")
		c.Env = append(c.Env, "DOCKER_HOST=unix://"+socket, "DOCKER_CONFIG=/nonexistent")
		if code := c.end(t); code != 0 || c.out.String() != "there\n" || c.err.String() != "" {
			t.Errorf("in a user namespace, with uid %d's socket: exit code %d, %q, %q", owner, code, &c.out, &c.err)
		}
	}
	// And the group alone lets the user in, if there is no proxy.
	c := command([]string{"USERNS=1", "DOCKER=off"}, s.worker, "-c", "exec "+cmd.Path+" version")
	c.Env = append(c.Env, "DOCKER_HOST=unix://"+socket, "DOCKER_CONFIG=/nonexistent")
	if code := c.end(t); code != 0 || !strings.Contains(c.out.String(), "Server") {
		t.Errorf("with the group: exit code %d, %q, %q", code, &c.out, &c.err)
	}
}
