package left_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// world is a runner of an ordinary user who may use sudo, wrapped by the file capability.
type world struct {
	name, binary, root, path string
	uid                      int
}

func newWorld(t *testing.T, settings string) *world {
	t.Helper()
	testkit.RequireRoot(t)
	return newWorldOf(t, testkit.Capable(t), settings)
}

// newWorldOf is newWorld with that worker-wrap.
func newWorldOf(t *testing.T, binary, settings string) *world {
	t.Helper()
	testkit.RequireRoot(t)
	w := &world{binary: binary}
	w.name, w.uid = testkit.User(t)
	testkit.MaySudo(t, w.name)
	dir := testkit.Dir(t)
	w.root, w.path = testkit.Runner(t, dir, w.binary, "/bin/sh")
	if err := os.WriteFile(filepath.Join(w.root, ".worker-wrap.env"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, dir, w.uid)
	return w
}

// worker starts one, as the user.
func (w *world) worker(t *testing.T) *testkit.Process {
	t.Helper()
	words := append(testkit.UserWords(strconv.Itoa(w.uid), strconv.Itoa(w.uid)), w.path)
	return testkit.Shell(t, words[0], words[1:]...)
}

// run runs worker-wrap, as the user if that is wanted.
func (w *world) run(t *testing.T, asUser bool, args ...string) string {
	t.Helper()
	words := append([]string{w.binary}, args...)
	if asUser {
		words = append(testkit.UserWords(strconv.Itoa(w.uid), strconv.Itoa(w.uid)), words...)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = w.root // where no list has it, it is found from the current folder
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return string(out)
}

// listed are the processes that are left in this runner.
func (w *world) listed(t *testing.T, asUser bool) []left.Process {
	t.Helper()
	var list []left.Process
	if err := json.Unmarshal([]byte(w.run(t, asUser, "ps", "--left", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(p left.Process) bool { return p.Runner != w.root })
}

// left lists their commands.
func (w *world) left(t *testing.T, asUser bool) (out []string) {
	t.Helper()
	for _, p := range w.listed(t, asUser) {
		out = append(out, p.Command)
	}
	slices.Sort(out)
	return out
}

// watch returns a pidfd of a process that a test has caused, once that runs its own program: sleep, or an ssh-agent. Until
// then it is a copy of the Worker that has started it, and looks like one; or what is to become that program.
func watch(t *testing.T, pid string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(n, 0)
	if err != nil {
		t.Fatalf("process %d: %v", n, err)
	}
	t.Cleanup(func() {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		unix.Close(fd)
	})
	testkit.Await(t, "it runs its program", func() bool {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", n))
		return err != nil || string(name) == "sleep\n" || string(name) == "ssh-agent\n"
	})
	return fd
}

// ends waits until a process has ended.
func ends(t *testing.T, pidfd int) bool {
	return testkit.Polled(t, pidfd, unix.POLLIN, int(testkit.Patience.Milliseconds()))
}

// ended reports whether it has.
func ended(t *testing.T, pidfd int) bool { return testkit.Polled(t, pidfd, unix.POLLIN, 0) }

// leave has a job start what the runner's own cleanup does not find: without the variable in its environment, by sudo,
// and a set-group-ID ssh-agent. It returns their pidfds.
func leave(t *testing.T, job *testkit.Process) (all []int) {
	t.Helper()
	agent := testkit.RequireTool(t, "ssh-agent", "openssh-client")
	for _, command := range []string{
		"env -i setsid sleep 1001 >/dev/null 2>&1 </dev/null & echo $!",
		"sudo -n sh -c 'sleep 1002 >/dev/null 2>&1 </dev/null & echo $!'",
		agent + " -s | sed -n 's/^SSH_AGENT_PID=\\([0-9]*\\);.*/\\1/p'",
	} {
		all = append(all, watch(t, job.Do(t, command)))
	}
	return all
}

// onlyThese demands that processes of dead Workers end, and that a living one's does not.
func onlyThese(t *testing.T, all []int, other int) {
	t.Helper()
	for i, pidfd := range all {
		if !ends(t, pidfd) {
			t.Errorf("process %d lives", i)
		}
	}
	if ended(t, other) {
		t.Error("the living Worker's process has ended")
	}
}

// TestLeft: of two Workers at once, what the dead one has left is found, and ended, and nothing of the living one. Root
// sees all of it; the runner's user not what is root's, nor a set-group-ID program.
func TestLeft(t *testing.T) {
	w := newWorld(t, "WORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=list\n")
	first, second := w.worker(t), w.worker(t)
	host, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	views := []string{host, first.Do(t, "readlink /proc/self/ns/mnt"), second.Do(t, "readlink /proc/self/ns/mnt")}
	if slices.Sort(views); len(slices.Compact(views)) != 3 || first.Host != "" || second.Host == "" {
		t.Fatalf("namespaces %q, private folders %q and %q; want the first in the plain _temp", views, first.Host, second.Host)
	}
	all := leave(t, first)
	other := watch(t, second.Do(t, "env -i setsid sleep 1003 >/dev/null 2>&1 </dev/null & echo $!"))
	if got := w.left(t, false); len(got) > 0 {
		t.Errorf("left while both live: %q", got)
	}
	first.End()
	if got := w.left(t, false); len(got) != 3 || !strings.Contains(got[0], "ssh-agent") || got[1] != "sleep 1001" || got[2] != "sleep 1002" {
		t.Errorf("left, as root: %q", got)
	}
	if got := w.left(t, true); !slices.Equal(got, []string{"sleep 1001"}) {
		t.Errorf("left, as the user: %q", got)
	}
	if out := w.run(t, false, "gc", "--kill", "--runner-root", w.root); strings.Count(out, "ended process") != 3 {
		t.Errorf("gc --kill:\n%s", out)
	}
	onlyThese(t, all, other)
	if got := w.left(t, false); len(got) > 0 {
		t.Errorf("left after that: %q", got)
	}
	person := exec.Command(w.binary, "enter", strconv.Itoa(second.Process.Pid), "--", "sh", "-c", "env -i sleep 1006 & echo $!; wait")
	said, err := person.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := person.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(said).ReadString('\n')
	persons := watch(t, line)
	defer func() { _ = person.Process.Kill(); _ = person.Wait() }()
	second.End()
	if got := w.left(t, false); len(got) != 3 || !slices.Contains(got, "sleep 1003") {
		t.Errorf("left by the private one: %q", got)
	}
	if out := w.run(t, false, "gc", "--kill", "--runner-root", w.root); strings.Count(out, "ended process") != 1 || strings.Count(out, "stays (a person's: worker-wrap enter has started it): ") != 2 {
		t.Errorf("gc --kill:\n%s", out)
	}
	if !ends(t, other) || ended(t, persons) {
		t.Error("the job's process lives, or the person's does not")
	}
}

// TestInUserNamespace: with WORKER_WRAP_USERNS too a job's processes are found and ended, by its own user, whose
// set-group-ID programs hide nothing there. Root believes the record for that user's processes only.
func TestInUserNamespace(t *testing.T) {
	w := newWorld(t, "WORKER_WRAP_USERNS=1\nWORKER_WRAP_LEFTOVERS=list\n")
	agent := testkit.RequireTool(t, "ssh-agent", "openssh-client")
	first, second := w.worker(t), w.worker(t)
	var all []int
	for _, command := range []string{
		"env -i setsid sleep 1011 >/dev/null 2>&1 </dev/null & echo $!",
		agent + " -s | sed -n 's/^SSH_AGENT_PID=\\([0-9]*\\);.*/\\1/p'",
	} {
		all = append(all, watch(t, first.Do(t, command)))
	}
	other := watch(t, second.Do(t, "env -i setsid sleep 1012 >/dev/null 2>&1 </dev/null & echo $!"))
	if got := w.left(t, true); len(got) > 0 {
		t.Errorf("left while both live: %q", got)
	}
	first.End()
	for _, asUser := range []bool{true, false} {
		if got := w.left(t, asUser); len(got) != 2 || !strings.Contains(got[0], "ssh-agent") || got[1] != "sleep 1011" {
			t.Errorf("left, as the user %v: %q", asUser, got)
		}
	}
	if out := w.run(t, true, "gc", "--kill", "--runner-root", w.root); strings.Count(out, "ended process") != 2 {
		t.Errorf("gc --kill:\n%s", out)
	}
	onlyThese(t, all, other)
	second.End()
	if out := w.run(t, false, "gc", "--kill", "--runner-root", w.root); !strings.Contains(out, "ended process") || !ends(t, other) {
		t.Errorf("gc --kill, as root:\n%s", out)
	}
}

// TestAloneInNoUserNamespace: a lone Worker stays out of a user namespace, in which sudo would not work. That what it
// leaves is not found then, the event log says.
func TestAloneInNoUserNamespace(t *testing.T) {
	w := newWorldOf(t, testkit.Binary(t), "WORKER_WRAP_USERNS=1\nWORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=list\n")
	host, err := os.Readlink("/proc/self/ns/user")
	if err != nil {
		t.Fatal(err)
	}
	first, second := w.worker(t), w.worker(t)
	if got := first.Do(t, "readlink /proc/self/ns/user; sudo -n id -u"); got != host+"\n0" {
		t.Errorf("the lone job has %q", got)
	}
	if got := second.Do(t, "readlink /proc/self/ns/user"); got == host {
		t.Error("the other one is in no user namespace")
	}
	left := watch(t, second.Do(t, "env -i setsid sleep 1013 >/dev/null 2>&1 </dev/null & echo $!"))
	second.End()
	if got := w.left(t, true); !slices.Equal(got, []string{"sleep 1013"}) {
		t.Errorf("left: %q", got)
	}
	_ = unix.PidfdSendSignal(left, unix.SIGKILL, nil, 0)
	data, err := os.ReadFile(filepath.Join(w.root, "_diag", "worker-wrap.jsonl"))
	if err != nil || strings.Count(string(data), `"kind":"unnoted"`) != 1 || !strings.Contains(string(data), "unless WORKER_WRAP_ISOLATE=always") {
		t.Errorf("the event log: %v\n%s", err, data)
	}
}

// lives reports whether a process lives, and is no zombie.
func lives(pid int) bool {
	status, err := procfs.Read(fmt.Sprintf("/proc/%d", pid))
	return err == nil && status.Word("State") != "Z"
}

// TestEndByKeeper: with WORKER_WRAP_LEFTOVERS=end the keeper ends what is left, as far as the runner's user may, and the
// event log says so.
func TestEndByKeeper(t *testing.T) {
	for _, how := range []string{"ISOLATE=alone", "ISOLATE=always", "USERNS=1"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, "WORKER_WRAP_"+how+"\nWORKER_WRAP_LEFTOVERS=end\n")
			job := w.worker(t)
			own := watch(t, job.Do(t, "env -i setsid sleep 1004 >/dev/null 2>&1 </dev/null & echo $!"))
			if how == "USERNS=1" { // where sudo does not work
				if job.End(); !ends(t, own) {
					t.Error("the user's process lives")
				}
				return
			}
			roots := watch(t, job.Do(t, "sudo -n sh -c 'sleep 1005 >/dev/null 2>&1 </dev/null & echo $!'"))
			job.End()
			if !ends(t, own) {
				t.Error("the user's process lives")
			}
			if ended(t, roots) {
				t.Error("root's process was ended")
			}
			if got := w.left(t, false); !slices.Contains(got, "sleep 1005") {
				t.Errorf("left: %q", got)
			}
		})
	}
}
