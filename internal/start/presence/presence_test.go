package presence_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/presence"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// as starts a process under a name.
func as(t *testing.T, dir, argv0 string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.Args[0] = argv0
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	testkit.Becomes(t, cmd.Process.Pid, argv0)
	return cmd
}

func self(t *testing.T) perpid.Owner {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func find(t *testing.T, root string, asker perpid.Owner) []presence.Worker {
	t.Helper()
	found, err := presence.Find(root, asker)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func pids(workers []presence.Worker) (out []int) {
	for _, w := range workers {
		out = append(out, w.Owner.PID)
	}
	slices.Sort(out)
	return out
}

// TestFind: a Worker is found by whatever path leads to it, and nothing else is one.
func TestFind(t *testing.T) {
	root, other := t.TempDir(), t.TempDir()
	for _, dir := range []string{root + "/bin.2.333.1", root + "/bin.2.334.0", other + "/bin", other + "/elsewhere/bin"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{root + "/bin": "bin.2.334.0", other + "/link": root, other + "/elsewhere/bin/to": root + "/bin.2.333.1"} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	var want []int
	for _, w := range []struct{ dir, argv0 string }{
		{"/", root + "/bin/Runner.Worker"},
		{"/", root + "/bin.2.333.1/Runner.Worker"},
		{"/", root + "/bin.2.333.1/Runner.Worker.real"},
		{"/", other + "/link/bin/Runner.Worker"},
		{"/", other + "/elsewhere/bin/to/Runner.Worker"},
		{root, "bin/Runner.Worker"},
		{root + "/bin", "./Runner.Worker"},
	} {
		want = append(want, as(t, w.dir, w.argv0).Process.Pid)
	}
	slices.Sort(want)
	for _, argv0 := range []string{
		other + "/bin/Runner.Worker", root + "/bin/Runner.Listener", root + "/Runner.Worker", "Runner.Worker", root + "/bin/sub/Runner.Worker",
	} {
		as(t, "/", argv0)
	}
	found := find(t, root, self(t))
	if got := pids(found); !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if found, err := presence.Find(root+"/none", self(t)); err == nil {
		t.Errorf("of a runner that cannot be seen there are %+v", found)
	}
	for _, w := range found {
		if w.Earlier || w.Starting || w.Ancestor {
			t.Errorf("a later process with a program of its own, not above this one, is %+v", w)
		}
	}
}

// TestEarlier: of any two processes exactly one is earlier, also in the same clock tick.
func TestEarlier(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	for range 8 {
		all = append(all, as(t, "/", root+"/bin/Runner.Worker"))
	}
	pairs := map[[2]int]int{}
	for _, asker := range all {
		o, err := self(t).Peer(asker.Process.Pid)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range find(t, root, o) {
			if w.Earlier {
				pairs[[2]int{min(o.PID, w.Owner.PID), max(o.PID, w.Owner.PID)}]++
			}
		}
	}
	if len(pairs) != 8*7/2 {
		t.Errorf("%d pairs are ordered, want 28", len(pairs))
	}
	for pair, n := range pairs {
		if n != 1 {
			t.Errorf("%v are earlier than each other", pair)
		}
	}
}

// TestAncestorAndStarting: this process as its child sees it, which runs the same program.
func TestAncestorAndStarting(t *testing.T) {
	above, found := fromBelow(t, runner.WorkerName)
	if len(found) != 1 || found[0].Owner.PID != above || !found[0].Ancestor || !found[0].Starting || !found[0].Earlier {
		t.Errorf("%d is %+v to its child", above, found)
	}
}

// TestKeeperIsNoStart: a keeper has its Worker's words until it comes to hide them, but a name of its own.
func TestKeeperIsNoStart(t *testing.T) {
	if above, found := fromBelow(t, runner.KeeperName); len(found) > 0 {
		t.Errorf("%d is %+v to its child", above, found)
	}
}

// fromBelow starts this program as a Worker of a runner, as a process of the name given, and looks from a child of it.
func fromBelow(t *testing.T, name string) (pid int, found []presence.Worker) {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(root+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err := errors.Join(err, os.Symlink(program, filepath.Join(root, name))); err != nil {
		t.Fatal(err)
	}
	above := exec.Command(filepath.Join(root, name), "-test.run=^TestHelperSleeps$")
	above.Args[0] = filepath.Join(root, "bin", "Runner.Worker")
	above.Env = append(os.Environ(), "PRESENCE_HELPER=1")
	out, err := above.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := above.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = above.Process.Kill(); _ = above.Wait() }()
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	o, err := self(t).Peer(child)
	if err != nil {
		t.Fatal(err)
	}
	return above.Process.Pid, find(t, root, o)
}

// TestHelperSleeps is a process of fromBelow: it starts another and says its PID.
func TestHelperSleeps(_ *testing.T) {
	if os.Getenv("PRESENCE_HELPER") == "" {
		return
	}
	cmd := exec.Command("/bin/sleep", "1000")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		os.Exit(1)
	}
	fmt.Println(cmd.Process.Pid)
	_ = cmd.Wait()
}

// TestWait returns as soon as all have ended, and at the time given where not.
func TestWait(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(root+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	a, b := as(t, "/", root+"/bin/Runner.Worker"), as(t, "/", root+"/bin/Runner.Worker")
	both := find(t, root, self(t))
	if len(both) != 2 {
		t.Fatalf("found %+v", both)
	}
	end := func(cmd *exec.Cmd) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	end(a)
	began := time.Now()
	left, err := presence.Wait(both, began.Add(150*time.Millisecond))
	if err != nil || !slices.Equal(pids(left), []int{b.Process.Pid}) {
		t.Errorf("left %+v, %v; want process %d", left, err, b.Process.Pid)
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("returned after %v", took)
	}
	done := make(chan []presence.Worker)
	began = time.Now()
	go func() {
		left, _ := presence.Wait(both, began.Add(time.Minute))
		done <- left
	}()
	time.Sleep(20 * time.Millisecond)
	end(b)
	select {
	case left := <-done:
		if len(left) != 0 {
			t.Errorf("left %+v", left)
		}
	case <-time.After(testkit.Patience):
		t.Error("it did not notice the end")
	}
	// A PID that is used again is another process.
	again := both
	again[0].Owner.PID = os.Getpid()
	if left, err := presence.Wait(again[:1], time.Now().Add(time.Minute)); err != nil || len(left) != 0 {
		t.Errorf("left %+v, %v", left, err)
	}
	if left, err := presence.Wait(nil, time.Now().Add(time.Minute)); err != nil || len(left) != 0 {
		t.Errorf("nobody to wait for: %+v, %v", left, err)
	}
}

// TestFindDespiteOthers: a process of another user's is none, and where its path leads is no reason to fail; of root's
// and the caller's own it is not either where it leads nowhere.
func TestFindDespiteOthers(t *testing.T) {
	testkit.RequireRoot(t)
	const user = 61234
	root := testkit.Dir(t)
	if err := os.Mkdir(root+"/bin", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", root+"/loop"); err != nil {
		t.Fatal(err)
	}
	for _, uid := range []uint32{0, user} {
		for _, path := range []string{"/etc/passwd/b", root + "/loop/b", "/" + strings.Repeat("n", 300) + "/b"} {
			cmd := exec.Command("/bin/sleep", "1000")
			cmd.Args[0] = path + "/Runner.Worker"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			testkit.Becomes(t, cmd.Process.Pid, cmd.Args[0])
			found, err := presence.Find(root, self(t))
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if err != nil || len(found) != 0 {
				t.Errorf("%s of uid %d: %v, %v", path, uid, found, err)
			}
		}
	}
}
