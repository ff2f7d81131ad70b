package starts_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// crowded is one setting in which the kernel allows only so many processes and threads more.
type crowded struct {
	name     string
	settings []string
	bare     bool // without the file capability
	docker   bool // with a Docker socket, so that a proxy is needed
	allowed  []string
	enough   int // with so many every start works
}

var crowdedStarts = []crowded{
	{name: "capable", allowed: []string{isolated, refused}, enough: 30},
	{name: "docker", docker: true, allowed: []string{isolated, refused}, enough: 50},
	{name: "fallback", docker: true, settings: []string{"FALLBACK=run"}, allowed: []string{isolated, reported, refused}, enough: 50},
	{name: "overlap", settings: []string{"ISOLATE=overlap"}, allowed: []string{plain, isolated, refused}, enough: 30}, // isolated without a keeper
	{name: "tmpfs", settings: []string{"BACKING=tmpfs"}, allowed: []string{isolated, refused}, enough: 30},
	{name: "userns", settings: []string{"USERNS=1"}, bare: true, allowed: []string{isolated, refused, abandoned}, enough: 60},
	{name: "userns and docker", settings: []string{"USERNS=1"}, bare: true, docker: true, allowed: []string{isolated, refused, abandoned}, enough: 80},
}

// TestFewProcesses starts Workers in a cgroup (pids.max, the unit's TasksMax=) with room for 0 to 8 more processes and
// threads; another process should sweep leftovers: in each way there is one line, or a start as the settings want it. A
// sweep that cannot begin stops no start.
func TestFewProcesses(t *testing.T) {
	group := pidsGroup(t)
	adopt(t)
	for _, c := range crowdedStarts {
		t.Run(c.name, func(t *testing.T) {
			s := c.runner(t)
			mounts := hostMounts(t)
			room := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, c.enough}
			endings := c.inGroup(t, s, group, room)
			c.judge(t, room, endings, 125)
			sameMounts(t, mounts)
			c.allSwept(t, s)
		})
	}
}

// judge demands an allowed outcome everywhere, a refusal with no room and a start with enough.
func (c crowded) judge(t *testing.T, room []int, endings []ending, refusal int) {
	t.Helper()
	var all []string
	for i, e := range endings {
		e.supervised = c.bare
		got, err := e.allowed(c.allowed...)
		if err != nil {
			t.Errorf("with room for %d: %v", room[i], err)
		}
		all = append(all, fmt.Sprintf("%d %s", room[i], got))
	}
	t.Log(strings.Join(all, ", "))
	first, last := endings[0], endings[len(endings)-1]
	if first.code != refusal {
		t.Errorf("with no room it ends with %d; the limit does not hold", first.code)
	}
	if got, _ := last.outcome(); got != c.allowed[0] {
		t.Errorf("with enough room: %q, want %s; stderr %q", got, c.allowed[0], last.err)
	}
}

// runner makes a runner of the ordinary user's with leftovers that need a sweep.
func (c crowded) runner(t *testing.T) scratch {
	t.Helper()
	shim := testkit.Binary(t)
	if !c.bare {
		shim = capable(t)
	}
	s := ordinary(t, shim)
	if c.docker {
		l, err := net.Listen("unix", s.socket())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if err := os.Chown(s.socket(), user, user); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s scratch) socket() string { return filepath.Join(s.root, "docker.sock") }

// env is the environment of such a start.
func (c crowded) env(s scratch) []string {
	env := command(c.settings, "").Env
	if c.docker {
		env = append(env, "DOCKER_HOST=unix://"+s.socket())
	}
	return env
}

// script is what the Worker runs, without any process: with a proxy, the socket must be the proxy's.
func (c crowded) script(s scratch) string {
	script := program(s.temp)
	if c.docker {
		script += fmt.Sprintf(`; [ "$WORKER_WRAP_HOST_TEMP" = %s ] || [ %s -ef "$WORKER_WRAP_HOST_TEMP.docker.sock" ] || echo "the host's Docker socket"`, s.temp, s.socket())
	}
	return script
}

// leftovers puts a dead Worker's folder with a file into the store.
func (s scratch) leftovers(t *testing.T) {
	t.Helper()
	dead, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	dead.Start++ // no process with this PID started then
	folder := filepath.Join(s.store, dead.String())
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "left"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{s.store, folder} {
		if err := os.Chown(path, user, user); err != nil {
			t.Fatal(err)
		}
	}
}

// inGroup makes one start with each of these rooms. A shell in the group makes them, so that none is moved.
func (c crowded) inGroup(t *testing.T, s scratch, group string, room []int) (all []ending) {
	t.Helper()
	shell := exec.Command("/bin/sh", "-c", `
group=$1 out=$2
shift 2
while read -r room; do
	(
		echo $((2 + room)) >"$group/pids.max"
		exec "$@"
	) >"$out/out" 2>"$out/err"
	echo $?
	echo max >"$group/pids.max"
done
`, "sh", group, s.root, s.worker, "-c", c.script(s))
	shell.Env, shell.Dir = c.env(s), "/"
	shell.SysProcAttr = command(nil, "").SysProcAttr
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	codes := make(chan string, len(room))
	shell.Stdout = &splitter{out: codes}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		_ = shell.Wait()
	}()
	for name, text := range map[string]string{"cgroup.procs": itoa(shell.Process.Pid), "pids.max": "max"} {
		if err := os.WriteFile(filepath.Join(group, name), []byte(text), 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(filepath.Join(group, "pids.max"), user, user); err != nil {
		t.Fatal(err)
	}
	for _, n := range room {
		alone(t, group, shell.Process.Pid)
		s.leftovers(t)
		if _, err := fmt.Fprintln(in, n); err != nil {
			t.Fatal(err)
		}
		var e ending
		select {
		case line := <-codes:
			e.code, _ = strconv.Atoi(line)
		case <-time.After(testkit.Patience):
			_ = shell.Process.Kill()
			t.Fatalf("with room for %d it hangs", n)
		}
		for name, text := range map[string]*string{"out": &e.out, "err": &e.err} {
			data, err := os.ReadFile(filepath.Join(s.root, name))
			if err != nil {
				t.Fatal(err)
			}
			*text = string(data)
		}
		e.onHost = isOnHost(s.temp)
		all = append(all, e)
	}
	return all
}

// adopt makes this process the parent of processes whose parents have ended: so they do not count while somebody else
// is slow to wait for them.
func adopt(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// alone waits until what earlier starts left running in the group has ended.
func alone(t *testing.T, group string, shell int) {
	t.Helper()
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(2 * time.Millisecond) {
		for _, pid := range childrenOf(t, os.Getpid()) {
			if pid != shell {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
			}
		}
		data, err := os.ReadFile(filepath.Join(group, "pids.current"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.TrimSpace(string(data)) == "1" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("there are %s processes in the group", data)
		}
	}
}

// allSwept sees that the next start works, and that nothing is left but its own folder.
func (c crowded) allSwept(t *testing.T, s scratch) {
	t.Helper()
	eventually(t, func() error {
		again := command(nil, s.worker, "-c", "true")
		again.Env = c.env(s)
		if code := again.end(t); code != 0 {
			t.Fatalf("the next start ends with %d: %s", code, &again.err)
		}
		left := s.left(t)
		if c.docker {
			// The proxy of the last start may not have ended yet.
			left = slices.DeleteFunc(left, func(name string) bool { return strings.HasSuffix(name, ".docker.sock") })
		}
		return atMostOne(left)
	})
	s.gone(t, "after all starts")
}

// TestFewProcessesOfAUser does the same under RLIMIT_NPROC (ulimit -u). It does not hold for a process that has
// CAP_SYS_ADMIN in its effective set (setrlimit(2)); worker-wrap has it there for its mounts only.
func TestFewProcessesOfAUser(t *testing.T) {
	testkit.RequireRoot(t)
	for _, c := range crowdedStarts {
		if c.name != "capable" && c.name != "userns" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			s := c.runner(t)
			room := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 14, 17, c.enough}
			var all []ending
			for _, n := range room {
				s.leftovers(t)
				// The limit counts the processes and threads of a real user id, wherever they are.
				start := command(nil, "/bin/sh", append([]string{"-c", `ulimit -u "$0" 2>/dev/null || ulimit -p "$0"; exec "$@"`, itoa(1 + n)}, s.worker, "-c", c.script(s))...)
				start.Env = c.env(s)
				all = append(all, finish(t, start, s.temp))
				s.gone(t, "after a start")
			}
			c.judge(t, room, all, 125)
			c.allSwept(t, s)
		})
	}
}

// finish runs a start to its end, however long that takes.
func finish(t *testing.T, c *start, temp string) ending {
	t.Helper()
	timer := time.AfterFunc(testkit.Patience, func() { _ = c.Process.Kill() })
	code := c.end(t)
	return ending{code: code, out: c.out.String(), err: c.err.String(), onHost: isOnHost(temp), hung: !timer.Stop()}
}
