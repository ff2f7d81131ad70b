package early_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// root makes a runner whose Worker says in which mount namespace it is, then its environment and an empty line. It
// lives until its stdin ends.
func root(t *testing.T) string {
	t.Helper()
	root := testkit.Dir(t)
	for _, dir := range []string{"bin", "_work/_temp", "_diag"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	put(t, root+"/.runner", "\xef\xbb\xbf{\n  \"agentId\": 7,\n  \"workFolder\": \"_work\"\n}", 0o644)
	put(t, root+"/bin/Runner.Worker.real", "#!/bin/sh\nreadlink /proc/self/ns/mnt\nenv\necho\nexec cat >/dev/null\n", 0o755)
	if err := os.Symlink(testkit.Binary(t), root+"/bin/Runner.Worker"); err != nil {
		t.Fatal(err)
	}
	return root
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// started is a Worker that lives until end.
type started struct {
	cmd *exec.Cmd
	in  io.Closer
	ns  string
	env []string
}

func start(t *testing.T, root string, env ...string) *started { return startAs(t, 0, root, env...) }

func startAs(t *testing.T, uid int, root string, env ...string) *started {
	t.Helper()
	cmd := exec.Command(root + "/bin/Runner.Worker")
	if uid != 0 {
		testkit.AsUser(cmd, uid)
	}
	return startBy(t, cmd, env...)
}

// startBy starts the Worker by a command. One that does not come to be has no namespace.
func startBy(t *testing.T, cmd *exec.Cmd, env ...string) *started {
	t.Helper()
	s := &started{cmd: cmd}
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	if s.cmd.Stderr == nil {
		s.cmd.Stderr = os.Stderr
	}
	in, out := testkit.Talk(t, s.cmd)
	s.in = in
	t.Cleanup(s.end)
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "" {
		if s.ns == "" {
			s.ns = lines.Text()
		} else {
			s.env = append(s.env, lines.Text())
		}
	}
	return s
}

func (s *started) end() {
	s.in.Close()
	_ = s.cmd.Wait()
}

// isAlone reports whether it is in the test's own mount namespace.
func (s *started) isAlone(t *testing.T) bool {
	t.Helper()
	ns, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil || s.ns == "" {
		t.Fatalf("namespace %q, %v", s.ns, err)
	}
	return s.ns == ns
}

const alone = "WORKER_WRAP_ISOLATE=alone"

// lock opens a folder and reports whether nobody holds a lock on it, after at most a minute if it is to wait.
func lock(t *testing.T, dir string, wait bool) bool {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if !wait {
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil
	}
	got := make(chan error, 1)
	go func() { got <- unix.Flock(int(f.Fd()), unix.LOCK_EX) }()
	select {
	case err := <-got:
		return err == nil
	case <-time.After(testkit.Patience):
		return false
	}
}

// unlocked waits until nobody has a lock of the runner's: its Workers have ended, and their keepers have let go.
func unlocked(t *testing.T, root string) {
	t.Helper()
	if !lock(t, root+"/_work", true) || !lock(t, root, true) {
		t.Fatal("the locks stay")
	}
}

// TestAlone: a Worker that is alone is in the host's mount namespace with the environment that it was given. Both
// folders are locked as long as it lives, by a process of nobody's that has nothing of the Worker's, and no longer.
func TestAlone(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	s := start(t, root, alone, "ONE=1")
	if !s.isAlone(t) {
		t.Error("it has a mount namespace of its own")
	}
	for _, e := range s.env {
		if name, _, _ := strings.Cut(e, "="); name != "PATH" && name != "ONE" && name != "WORKER_WRAP_ISOLATE" && name != "PWD" && name != "_" && name != "SHLVL" {
			t.Errorf("its environment has %s", e)
		}
	}
	for _, dir := range []string{root, root + "/_work"} {
		if lock(t, dir, false) {
			t.Errorf("%s is not locked", dir)
		}
	}
	keeper := keeperOf(t, s.cmd.Process.Pid)
	checkKeeper(t, keeper, root)
	s.end()
	for _, dir := range []string{root, root + "/_work"} {
		if !lock(t, dir, true) {
			t.Errorf("%s stays locked after its end", dir)
		}
	}
	for _, kind := range []events.Kind{events.Start, events.End} {
		e := recorded(t, root, kind)
		if e.Job.PID != s.cmd.Process.Pid || kind == events.Start && e.Outcome != events.Alone || kind == events.End && (len(e.Stages) != 1 || e.Stages[0].Duration <= 0) {
			t.Errorf("the event is %+v", e)
		}
	}
}

// TestBesideOneThatIsAlone: who comes meanwhile has a _temp of its own, and keeps nobody else from being alone.
func TestBesideOneThatIsAlone(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	hostTemp := func(s *started) string {
		for _, e := range s.env {
			if path, ok := strings.CutPrefix(e, perpid.HostTempVar+"="); ok {
				return path
			}
		}
		return ""
	}
	first := start(t, root, alone)
	second, third := start(t, root, alone), start(t, root, alone)
	if !first.isAlone(t) || second.isAlone(t) || third.isAlone(t) || second.ns == third.ns {
		t.Errorf("three at once are in %s, %s and %s", first.ns, second.ns, third.ns)
	}
	if a, b := hostTemp(second), hostTemp(third); a == "" || b == "" || a == b || hostTemp(first) != "" {
		t.Errorf("their folders are %q, %q and %q", hostTemp(first), a, b)
	}
	first.end()
	if !lock(t, root+"/_work", true) {
		t.Fatal("the work folder stays locked")
	}
	fourth := start(t, root, alone)
	if !fourth.isAlone(t) || hostTemp(fourth) != "" {
		t.Error("Workers with a _temp of their own keep another one from being alone")
	}
}

// TestOneOfMany: of Workers that start at one moment one at most is in the plain _temp, and no two are in one view.
func TestOneOfMany(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	const many = 12
	alive := make(chan *started, many)
	for range many {
		go func() { alive <- start(t, root, alone) }()
	}
	views, plain := map[string]int{}, 0
	for range many {
		s := <-alive
		views[s.ns]++
		if s.isAlone(t) {
			plain++
		}
	}
	if plain > 1 || len(views) != many {
		t.Errorf("%d of %d are in the plain _temp, in all there are %d views", plain, many, len(views))
	}
}

// TestEntries: a lone start goes by an entry that is a script as by a link, with the Worker's own arguments. The kept
// Worker is started; if there is a link to it, the process has the name of the runner's own Worker.
func TestEntries(t *testing.T) {
	testkit.RequireRoot(t)
	for _, kept := range []string{runner.KeptWorkerName, runner.RealWorkerName} {
		root := root(t)
		text, ok := runner.Entry(testkit.Binary(t))
		if !ok {
			t.Fatalf("no entry can start %s", testkit.Binary(t))
		}
		bin := root + "/bin/"
		put(t, bin+"new", text, 0o755)
		if err := errors.Join(
			os.Rename(bin+"new", bin+runner.WorkerName), os.Remove(bin+runner.RealWorkerName),
			os.Mkdir(bin+".worker-wrap", 0o755), os.Symlink("../"+kept, bin+".worker-wrap/"+runner.WorkerName),
		); err != nil {
			t.Fatal(err)
		}
		put(t, bin+kept, "#!/bin/sh\nreadlink /proc/self/ns/mnt\ncat /proc/$$/comm\necho \"$0 $*\"\necho\nexec cat >/dev/null\n", 0o755)
		s := start(t, root, alone)
		if !s.isAlone(t) {
			t.Error("it has a mount namespace of its own")
		}
		if want := []string{runner.WorkerName, bin + ".worker-wrap/" + runner.WorkerName + " "}; !slices.Equal(s.env, want) {
			t.Errorf("%s: its name and arguments are %q, want %q", kept, s.env, want)
		}
		s.end()
	}
}

// keeperOf waits for the keeper of a Worker: the process that has a pidfd of it, and by now waits for its end or more. On
// a busy machine the Worker can be there long before.
func keeperOf(t *testing.T, worker int) (keeper int) {
	t.Helper()
	testkit.Await(t, fmt.Sprintf("a process has a pidfd of %d and waits", worker), func() bool {
		infos, err := filepath.Glob("/proc/[0-9]*/fdinfo/2")
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range infos {
			text, err := os.ReadFile(info)
			if err != nil || !bytes.Contains(text, []byte("\nPid:\t"+strconv.Itoa(worker)+"\n")) {
				continue
			}
			proc := strings.TrimSuffix(info, "fdinfo/2")
			if _, err := fmt.Sscanf(proc, "/proc/%d/", &keeper); err != nil {
				t.Fatal(err)
			}
			call, err := os.ReadFile(proc + "syscall")
			return err == nil && strings.HasPrefix(string(call), fmt.Sprint(unix.SYS_PPOLL, " "))
		}
		return false
	})
	return keeper
}

func checkKeeper(t *testing.T, pid int, root string) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", pid)
	fds, err := os.ReadDir(proc + "fd")
	if err != nil || len(fds) != 3 {
		t.Errorf("the keeper has %d descriptors, %v; want the two folders and a pidfd", len(fds), err)
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Name:\tworker-wrap\n", "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n", "SigBlk:\tfffffffffffbfeff\n", "Threads:\t1\n"} {
		if !bytes.Contains(status, []byte(want)) {
			t.Errorf("its status has no %q:\n%s", want, status)
		}
	}
	cmdline, err := os.ReadFile(proc + "cmdline")
	if err != nil || !bytes.HasPrefix(cmdline, []byte("worker-wrap: ")) || bytes.Contains(cmdline, []byte("Runner.Worker")) {
		t.Errorf("its command line is %q, %v", cmdline, err)
	}
	env, err := os.ReadFile(proc + "environ")
	if err != nil || len(bytes.Trim(env, "\x00")) != 0 {
		t.Errorf("its environment is %q, %v", env, err)
	}
	if kB := memoryOf(t, pid); kB > 100 {
		t.Errorf("%d kB of memory are its own; want 100 at most", kB)
	}
	if dir, err := os.Readlink(proc + "cwd"); err != nil || dir != "/" {
		t.Errorf("its working directory is %s, %v", dir, err)
	}
}

// memoryOf returns how many kB of a keeper's memory are its own: not that of the program's file, which is the page cache's.
func memoryOf(t *testing.T, pid int) (kB int) {
	t.Helper()
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, anonymous, _ := strings.Cut(string(rollup), "Pss_Anon:")
	if _, err := fmt.Sscan(anonymous, &kB); err != nil {
		t.Fatal(err)
	}
	return kB
}

// recorded waits for an event of the runner in root.
func recorded(t *testing.T, root string, kind events.Kind) events.Event {
	t.Helper()
	for end := time.Now().Add(testkit.Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		f, err := os.Open(filepath.Join(root, "_diag", events.FileName))
		if err != nil {
			continue
		}
		for e, err := range events.Read(f) {
			if err == nil && e.Kind == kind {
				f.Close()
				return e
			}
		}
		f.Close()
	}
	t.Fatalf("no event %s", kind)
	return events.Event{}
}
