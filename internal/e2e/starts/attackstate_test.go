package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// stateful makes a runner whose Worker is the program of testdata/attackstate.c, which is at state too.
func stateful(t *testing.T) (s scratch, state string) {
	t.Helper()
	state = compile(t, "attackstate", testkit.Dir(t))
	s = ordinary(t, capable(t))
	data, err := os.ReadFile(state)
	do(t, err, os.WriteFile(s.worker+".real", data, 0o755))
	return s, state
}

// TestAttackByDescriptors: the program has the descriptors that its starter chose, each of them, and no other.
func TestAttackByDescriptors(t *testing.T) {
	s, state := stateful(t)
	listenAt(t, s.root+"/socket", 0o600, user)
	out := filepath.Join(testkit.Dir(t), "out")
	do(t, os.WriteFile(out, nil, 0o600), os.Chown(out, user, user))
	for _, mask := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 0b1010101, 0b11111111111, 0b11111111000} {
		for _, docker := range []string{"", "unix://" + s.root + "/socket"} {
			c := command(nil, state, "hand", itoa(mask), s.worker, "held", out)
			c.Env = append(c.Env, "DOCKER_HOST="+docker)
			code := c.end(t)
			said, err := os.ReadFile(out)
			do(t, err, os.Truncate(out, 0))
			report, same := strings.CutPrefix(string(said), "same\n")
			if code != 0 || !same {
				t.Errorf("without %b, %q: exit code %d, %q", mask, docker, code, said)
			}
			harmless(t, report)
		}
	}
}

// TestAttackByStarting: a start that another process can interfere with gets no privilege from the kernel, and says so.
func TestAttackByStarting(t *testing.T) {
	s, state := stateful(t)
	for _, way := range []string{"traced", "shared"} {
		c := command([]string{"DOCKER=off"}, state, way, s.worker, "report")
		if code := c.end(t); code != 125 || c.out.String() != "" {
			t.Errorf("%s: exit code %d, %q", way, code, &c.out)
		}
		oneLine(t, c.err.String(), "file capability")
	}
}

// TestAttackByLimits: with a resource limit at nothing or little the start is an innocent program's, or is refused in
// one line. Else it ends as that program does without worker-wrap.
func TestAttackByLimits(t *testing.T) {
	prlimit := testkit.RequireTool(t, "prlimit", "util-linux")
	s, state := stateful(t)
	before := hostMounts(t)
	ran, refused, died := 0, 0, 0
	for _, limit := range []string{"as", "core", "cpu", "data", "fsize", "memlock", "msgqueue", "nofile", "nproc", "rss", "sigpending", "stack"} {
		for _, value := range []int{0, 7, 1 << 20} {
			for _, settings := range [][]string{{"BACKING=tmpfs"}, {"USERNS=1"}} {
				what := fmt.Sprintf("--%s=%d:%d", limit, value, value)
				end := func(program string) *start {
					c := command(settings, prlimit, what, program, "report")
					do(t, c.Start())
					timer := time.AfterFunc(testkit.Patience, func() { _ = c.Process.Kill(); t.Errorf("%s, %q: a hang", what, settings) })
					defer timer.Stop()
					c.end(t)
					return c
				}
				c := end(s.worker)
				e := ending{err: c.err.String(), supervised: settings[0] == "USERNS=1"}
				switch code := c.ProcessState.ExitCode(); {
				case code == 0 && e.err == "":
					harmless(t, c.out.String())
					ran++
				case code >= 125 && code <= 127 && c.out.String() == "" && strings.HasPrefix(e.err, "worker-wrap: "):
					if !e.bothRefused() {
						oneLine(t, e.err)
					}
					refused++
				default:
					died++
					if limit == "cpu" && strings.Contains(c.ProcessState.String(), "killed") {
						continue // at the next tick of the clock, if it lives that long
					}
					if !endsSo(c.ProcessState, func() *os.ProcessState { return end(state).ProcessState }) {
						t.Errorf("%s, %q: %v, which does not happen without worker-wrap: %q, %q", what, settings, c.ProcessState, &c.out, e.err)
					}
				}
			}
		}
	}
	t.Logf("%d became the Worker, %d were refused, %d died as it would", ran, refused, died)
	if ran == 0 || refused == 0 {
		t.Error("they show nothing if all ends alike")
	}
	sameMounts(t, before)
	if left := entries(t, s.temp); len(left) > 0 {
		t.Errorf("in the host's _temp: %q", left)
	}
}

// endsSo reports whether a program ends like that too, at one of many times: how much of a stack that is too small is
// used before the program runs is luck (execve(2) puts it at a random place).
func endsSo(how *os.ProcessState, program func() *os.ProcessState) bool {
	for range 100 {
		if end := program(); end.String() == how.String() && !end.Success() {
			return true
		}
	}
	return false
}

// TestAttackByMounts: root of a user namespace, as any user can be, mounts /etc, /proc and others over all that starts
// use, thousands of times. Outside of that mount namespace its file capability counts for nothing.
func TestAttackByMounts(t *testing.T) {
	s, state := stateful(t)
	do(t, os.Mkdir(s.store, 0o711), os.Chown(s.store, user, user))
	before := hostMounts(t)
	c := command([]string{"DOCKER=off"}, state, "mounts", "3", s.worker, s.temp, s.store, filepath.Dir(s.temp), filepath.Dir(s.worker))
	in, err := c.StdinPipe()
	do(t, err, c.Start())
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	starts := 0
	for running := true; running; starts++ {
		if starts == 2 {
			in.Close() // the next is the last that it must last for
		}
		select {
		case <-ended:
			running = false
		default:
		}
		// What is mounted elsewhere does not even stop a start here.
		code, out, stderr := s.start(t, "report")
		if code != 0 || stderr != "" {
			t.Fatalf("exit code %d, %q", code, stderr)
		}
		harmless(t, out)
	}
	lines := strings.Split(strings.TrimSpace(c.out.String()), "\n")
	var done, inside int
	if _, err := fmt.Sscan(lines[len(lines)-1], &done, &inside); err != nil || c.ProcessState.ExitCode() != 0 {
		if errno := unix.Access("/proc/self/ns/user", unix.F_OK); errno != nil || c.ProcessState.ExitCode() == 90 {
			testkit.Skip(t, "no user namespaces here")
		}
		t.Fatalf("exit code %d, %q, %q", c.ProcessState.ExitCode(), &c.out, &c.err)
	}
	t.Logf("%d mounts in the other namespace, %d starts there, %d starts here", done, inside, starts)
	if done < 20 || inside == 0 || starts < 3 {
		t.Error("too little happened to show anything")
	}
	if strings.Contains(c.out.String(), "HAVE") {
		t.Error("a start in the other namespace can read what root's is")
	}
	sameMounts(t, before)
}

// start runs the Worker with arguments of its own.
func (s scratch) start(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := command([]string{"DOCKER=off"}, s.worker, args...)
	code = c.end(t)
	return code, c.out.String(), c.err.String()
}
