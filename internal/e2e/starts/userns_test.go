package starts_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// ways are the programs that an ordinary user may have: in a user namespace the file capability makes no
// difference.
func ways(t *testing.T) map[string]string {
	return map[string]string{"bare": testkit.Binary(t), "capable": capable(t)}
}

// TestUserns: what the Worker is in a user namespace.
func TestUserns(t *testing.T) {
	for way, shim := range ways(t) {
		t.Run(way, func(t *testing.T) {
			s := ordinary(t, shim)
			// Only the supplementary group may read this.
			secret := filepath.Join(s.root, "secret")
			if err := os.WriteFile(secret, []byte("for the group\n"), 0o640); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(secret, 0, group); err != nil {
				t.Fatal(err)
			}
			code, out, stderr := s.run(t, `id -u; id -g; cat `+secret+`; echo "$0" "$@"; readlink /proc/self/ns/user; touch `+s.temp+`/mark; ls "$WORKER_WRAP_HOST_TEMP"
				grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/$$/status; readlink /proc/$$/exe; cat /proc/$$/comm; exit 104`, "USERNS=1")
			ns, err := os.Readlink("/proc/self/ns/user")
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(out, "\n")
			if len(lines) < 6 || lines[4] == ns {
				t.Fatalf("not in a user namespace: %q, %q", out, stderr)
			}
			lines[4] = "ns"
			want := fmt.Sprintf("%d %d|for the group|%s|ns|mark|CapInh:\t0|CapPrm:\t0|CapEff:\t0|CapAmb:\t0|NoNewPrivs:\t0|%s|Runner.Worker|", user, user, s.worker, s.worker)
			got := strings.ReplaceAll(strings.Join(lines, "|"), "0000000000000000", "0")
			got = strings.Replace(got, fmt.Sprintf("%d|%d", user, user), fmt.Sprintf("%d %d", user, user), 1)
			if got != want {
				t.Errorf("the Worker is\n%s, want\n%s", got, want)
			}
			if code != 104 || stderr != "" {
				t.Errorf("exit code %d, stderr %q", code, stderr)
			}
			if _, err := os.Stat(filepath.Join(s.temp, "mark")); err == nil {
				t.Error("it wrote to the host's _temp")
			}
			if e := s.last(t, events.Start); e.Outcome != events.Private || e.Job.PID == 0 {
				t.Errorf("the event log has %+v", e)
			}
		})
	}
}

// TestUsernsAsRoot: root keeps every id, and what it can do with that.
func TestUsernsAsRoot(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	cmd := exec.Command(s.worker, "-c", "touch "+s.temp+"/f && chown 61236:61237 "+s.temp+"/f && stat -c %u:%g "+s.temp+"/f; id -u")
	cmd.Env = append(os.Environ(), "WORKER_WRAP_USERNS=1")
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "61236:61237\n0\n" {
		t.Errorf("%v, %q", err, out)
	}
}

// TestUsernsFlag: --userns is the setting, for a start by hand.
func TestUsernsFlag(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	for _, args := range [][]string{{"--userns"}, {"run", "--userns"}} {
		c := command(nil, testkit.Binary(t), append(args, "--runner-root", s.root, "--", "/bin/sh", "-c", "echo $WORKER_WRAP_HOST_TEMP; exit 3")...)
		if code := c.end(t); code != 3 || !strings.HasPrefix(c.out.String(), s.store) {
			t.Errorf("%v: exit code %d, %q, %q", args, code, &c.out, &c.err)
		}
	}
	c := command(nil, testkit.Binary(t), "--userns", "--runner-root", s.root, "--", "no-such-command")
	if code := c.end(t); code != 127 {
		t.Errorf("exit code %d", code)
	}
	oneLine(t, c.err.String(), "no-such-command")
}

// TestUsernsEndsLikeTheChild: exit codes and signals of the Worker are the supervisor's.
func TestUsernsEndsLikeTheChild(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	for _, code := range []int{0, 1, 100, 103, 255} {
		if got, _, stderr := s.run(t, "exit "+itoa(code), "USERNS=1"); got != code || stderr != "" {
			t.Errorf("exit code %d, want %d; %q", got, code, stderr)
		}
	}
	for _, sig := range []unix.Signal{unix.SIGKILL, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT, unix.SIGSEGV, unix.SIGABRT, unix.SIGPIPE, unix.SIGUSR1, 34, 64} {
		c := command([]string{"USERNS=1"}, s.worker, "-c", "kill -"+itoa(int(sig))+" $$")
		c.end(t)
		status := c.ProcessState.Sys().(syscall.WaitStatus)
		if !status.Signaled() || status.Signal() != sig {
			t.Errorf("the child ends by signal %d, the supervisor so: %v", sig, c.ProcessState)
		}
	}
}

// TestUsernsBegunIsNotStartedAgain: if the supervisor cannot read what its child says, that may have become the program.
// Then no second one is started, by WORKER_WRAP_FALLBACK.
func TestUsernsBegunIsNotStartedAgain(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	m := mode{settings: []string{"USERNS=1", "FALLBACK=run"}, user: true, allowed: []string{abandoned}}
	g := m.prepare(t)
	tr := m.trace(t, strace, g)
	f := fault{call{"read", tr.count[tr.main]["read"]}, "EIO", false} // its last, which sees the line's end
	if _, err := m.inject(t, strace, g, f); err != nil {
		t.Errorf("%v: %v", f, err)
	}
}

// TestUsernsForwardsSignals: each signal that is sent to the PID that the runner knows reaches the Worker,
// once.
func TestUsernsForwardsSignals(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	signals := []unix.Signal{
		unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGUSR1, unix.SIGUSR2, unix.SIGALRM, unix.SIGTERM,
		unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGWINCH, unix.SIGIO, unix.SIGPWR, 40, 64,
	}
	traps := ""
	for _, sig := range signals {
		traps += fmt.Sprintf("trap 'echo got %d' %d; ", sig, sig)
	}
	c := command([]string{"USERNS=1"}, s.worker)
	// read(1) fails when a signal comes.
	c.Args = []string{s.worker, "-c", traps + `echo up; while [ "$line" != end ]; do if read line; then echo $line; fi; done`}
	lines := talk(t, c)
	lines.expect(t, "up")
	for _, sig := range signals {
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		lines.expectSoon(t, fmt.Sprintf("got %d", sig))
		if got := lines.ask(t, "once"); got != "once" {
			t.Fatalf("after signal %d the Worker says %q", sig, got)
		}
	}
	if got := lines.ask(t, "end"); got != "end" {
		t.Errorf("the Worker says %q at the end", got)
	}
	if code := c.end(t); code != 0 {
		t.Errorf("exit code %d: %s", code, &c.err)
	}
}

// conversation is with a shell.
type conversation struct {
	in  io.WriteCloser
	out chan string
}

func talk(t *testing.T, c *start) *conversation {
	t.Helper()
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	lines := &conversation{in, make(chan string, 100)}
	c.Stdout = &splitter{out: lines.out}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	return lines
}

// splitter sends each line.
type splitter struct {
	rest string
	out  chan string
}

func (s *splitter) Write(p []byte) (int, error) {
	s.rest += string(p)
	for {
		line, rest, ok := strings.Cut(s.rest, "\n")
		if !ok {
			return len(p), nil
		}
		s.rest = rest
		s.out <- line
	}
}

func (c *conversation) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-c.out:
		return line
	case <-time.After(testkit.Patience):
		t.Fatal("the Worker says nothing")
		return ""
	}
}

func (c *conversation) expect(t *testing.T, want string) {
	t.Helper()
	if got := c.next(t); got != want {
		t.Fatalf("the Worker says %q, want %q", got, want)
	}
}

// expectSoon is expect of a line that a shell's trap says. If the signal comes just before the shell waits in read, it
// sees to the trap only when it has read something.
func (c *conversation) expectSoon(t *testing.T, want string) {
	t.Helper()
	const nudge = "nudge"
	for nudges := 0; want != "" || nudges > 0; {
		wait := 2 * time.Second
		if nudges > 0 {
			wait = testkit.Patience
		}
		select {
		case line := <-c.out:
			switch line {
			case want:
				want = ""
			case nudge:
				nudges--
			default:
				t.Fatalf("the Worker says %q, want %q", line, want)
			}
		case <-time.After(wait):
			if nudges > 0 {
				t.Fatalf("the Worker does not say %q", want)
			}
			nudges++
			if _, err := io.WriteString(c.in, nudge+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ask sends a line and returns the first answer.
func (c *conversation) ask(t *testing.T, line string) string {
	t.Helper()
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		t.Fatal(err)
	}
	return c.next(t)
}

// TestUsernsDescriptors: the Worker has the Listener's pipes at their numbers, and nobody else does: the
// Listener sees their end while the supervisor lives.
func TestUsernsDescriptors(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	// sh cannot name descriptors over 9, bash can.
	bash := testkit.RequireTool(t, "bash", "bash")
	s.become(t, bash)
	c := command([]string{"USERNS=1"}, bash, "-c", `exec 160>&3 164<&0 3>&- 2>&-; exec "$0" -c 'ls -l /proc/$$/fd; exec >&160; echo through; exec sleep 1000'`, s.worker)
	c.ExtraFiles = []*os.File{write}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	write.Close()
	got := make([]byte, 8)
	if _, err := io.ReadFull(read, got); err != nil || string(got) != "through\n" {
		t.Fatalf("through 160: %q, %v", got, err)
	}
	pid := c.Process.Pid
	eventually(t, func() error { // the supervisor lets go a moment after the Worker has begun
		var held []string
		fds, _ := filepath.Glob("/proc/" + itoa(pid) + "/fd/*")
		for _, fd := range fds {
			target, _ := os.Readlink(fd)
			own := strings.HasPrefix(target, "anon_inode:") || strings.HasPrefix(target, "/sys/fs/cgroup/") // Go's runtime's
			if !own && target != "/dev/null" {
				held = append(held, filepath.Base(fd)+" "+target)
			}
		}
		if len(held) > 0 {
			return fmt.Errorf("the supervisor holds %q", held)
		}
		return nil
	})
	children := childrenOf(t, pid)
	if len(children) != 1 {
		t.Fatalf("the supervisor has the children %v", children)
	}
	// With the supervisor stopped, nobody but the Worker is left to end the pipe.
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for _, worker := range append(childrenOf(t, children[0]), children[0]) {
		_ = unix.Kill(worker, unix.SIGKILL)
	}
	if err := read.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := read.Read(got); err != io.EOF {
		t.Errorf("after the Worker's end the pipe gives %d bytes, %v", n, err)
	}
	_ = unix.Kill(pid, unix.SIGCONT)
	in.Close()
	c.end(t)
	var numbers []string
	for line := range strings.Lines(c.out.String()) {
		_, name, ok := strings.Cut(line, " -> ")
		if f := strings.Fields(line); ok && slices.ContainsFunc([]string{"0", "1", "2", "3", "160", "164"}, func(n string) bool { return f[len(f)-3] == n }) {
			numbers = append(numbers, f[len(f)-3])
		} else if ok && strings.Contains(name, "socket") {
			t.Errorf("the Worker has the line to the supervisor: %s", line)
		}
	}
	if want := []string{"0", "1", "160", "164"}; !slices.Equal(numbers, want) {
		t.Errorf("the Worker has the descriptors %v, want %v:\n%s", numbers, want, &c.out)
	}
}

// become replaces the runner's own Worker.
func (s scratch) become(t *testing.T, program string) {
	t.Helper()
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.worker+".real", data, 0o755); err != nil {
		t.Fatal(err)
	}
}

func childrenOf(t *testing.T, pid int) (out []int) {
	t.Helper()
	tasks, _ := filepath.Glob("/proc/" + itoa(pid) + "/task/*/children")
	for _, task := range tasks {
		data, _ := os.ReadFile(task)
		for _, f := range strings.Fields(string(data)) {
			var child int
			if _, err := fmt.Sscan(f, &child); err != nil {
				t.Fatal(err)
			}
			out = append(out, child)
		}
	}
	return out
}

// TestUsernsInherits: what a parent leaves to the shim besides descriptors comes through both programs.
func TestUsernsInherits(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	env := testkit.RequireTool(t, "env", "coreutils")
	script := `exec <&-; ulimit -Sn 77; umask 0137; exec "$@"`
	given := func(worker string, args ...string) string {
		c := command(nil, "/bin/sh", append([]string{
			"-c", script, "sh", env, "-i", "--ignore-signal=HUP,INT,PIPE,USR1,CHLD,TERM,RTMIN+3",
			"--block-signal=USR2,WINCH,CHLD,RTMAX", "B=2", "A=1", "WORKER_WRAP_USERNS=1", worker,
		}, args...)...)
		if code := c.end(t); code != 0 {
			t.Fatalf("exit code %d: %s", code, &c.err)
		}
		return c.out.String()
	}
	same := func(says string, args ...string) {
		t.Helper()
		got, want := given(s.worker, args...), given(s.worker+".real", args...)
		if got != want || !strings.Contains(want, says) {
			t.Errorf("with the shim the Worker has\n%s\nwithout\n%s", got, want)
		}
	}
	same("0137\nB=2 A=1", "-c", `ulimit -n; umask; grep -z -v ^WORKER_WRAP_HOST_TEMP= /proc/$$/environ | tr "\0" " "; [ -e /proc/$$/fd/0 ] || echo closed`)
	s.become(t, testkit.RequireTool(t, "grep", "grep")) // a shell has signals of its own
	same("SigBlk:\t8000000008010800", "-E", "^Sig(Ign|Blk|Cgt)", "/proc/self/status")
}

// TestUsernsAccessLists: what only somebody outside the namespace could set is set there.
func TestUsernsAccessLists(t *testing.T) {
	setfacl, getfacl := testkit.RequireTool(t, "setfacl", "acl"), testkit.RequireTool(t, "getfacl", "acl")
	s := ordinary(t, testkit.Binary(t))
	if out, err := exec.Command(setfacl, "-m", "u:61240:rx,d:u:61241:rwx", s.temp).CombinedOutput(); err != nil {
		testkit.Skip(t, "no access control lists here: %v %s", err, out)
	}
	c := command([]string{"USERNS=1"}, s.worker)
	c.Args = []string{s.worker, "-c", "echo up; read end; rm -rf " + s.temp + "/*"}
	lines := talk(t, c)
	lines.expect(t, "up")
	folders, err := filepath.Glob(s.store + "/*-*")
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders %v, %v", folders, err)
	}
	var lists []string
	for _, dir := range []string{s.temp, folders[0]} {
		out, err := exec.Command(getfacl, "-n", "-c", "-p", dir).Output()
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, string(out))
	}
	if lists[0] != lists[1] {
		t.Errorf("_temp has\n%s\nthe folder\n%s", lists[0], lists[1])
	}
}
