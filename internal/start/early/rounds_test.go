package early_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// many returns few, or the full number where the load tests are to be run in full.
func many(few, full int) int {
	if os.Getenv("WORKER_WRAP_TEST_FULL_LOAD") != "" {
		return full
	}
	return few
}

// TestRounds: whoever is in the plain _temp removes and makes it anew time after time, and both work in theirs: the
// private Worker sees its own after each round, nothing of it is ever lost, and nothing of the other's ever there for
// long. The log has how long the gap was.
func TestRounds(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	temp := root + "/_work/_temp"
	start(t, root, alone)
	second := start(t, root, alone)
	own := sees(t, second, root)
	folder := root + "/.worker-wrap/" + folders(t, root)[0]
	theirs := fmt.Sprintf("/proc/%d/root%s/", second.cmd.Process.Pid, temp)
	put(t, theirs+"kept", "mine", 0o600)
	var stop atomic.Bool
	wrote := make(chan int)
	go func() { // the private Worker's job
		n := 0
		for ; !stop.Load(); n++ {
			_ = os.WriteFile(theirs+"busy", []byte(fmt.Sprint(n)), 0o600)
		}
		wrote <- n
	}()
	var gaps []time.Duration
	for range many(20, 1000) {
		if out, err := exec.Command("rm", "-rf", temp).CombinedOutput(); err != nil && !strings.Contains(string(out), "not empty") {
			t.Fatalf("%v: %s", err, out)
		}
		if err := os.Mkdir(temp, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			t.Fatal(err)
		}
		begun := time.Now()
		_ = os.WriteFile(temp+"/plain", nil, 0o600)
		testkit.Await(t, "it sees its own", func() bool { return sees(t, second, root).Ino == own.Ino })
		gaps = append(gaps, time.Since(begun))
		if text, err := os.ReadFile(theirs + "kept"); err != nil || string(text) != "mine" {
			t.Fatalf("what it kept is %q, %v", text, err)
		}
	}
	stop.Store(true)
	n := <-wrote
	slices.Sort(gaps)
	t.Logf("%d rounds, %d writes: the gap was %v at least, %v in the middle, %v at most", len(gaps), n, gaps[0], gaps[len(gaps)/2], gaps[len(gaps)-1])
	if _, err := os.Stat(folder + "/kept"); err != nil {
		t.Error(err)
	}
	second.end()
	if e := endOf(t, root, second.cmd.Process.Pid); e.Outcome != events.Ended {
		t.Errorf("its end is %+v", e)
	}
}

// TestInARow: of lone Workers that start right after one another, while others load the machine, each is alone.
func TestInARow(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	put(t, root+"/bin/Runner.Worker.real", "#!/bin/sh\nexec readlink /proc/self/ns/mnt\n", 0o755)
	ns, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	var load []*exec.Cmd
	for range 4 {
		c := exec.Command("/bin/sh", "-c", "while :; do :; done")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		load = append(load, c)
	}
	defer func() {
		for _, c := range load {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	}()
	for i := range many(50, 10_000) {
		c := exec.Command(root + "/bin/Runner.Worker")
		c.Env = []string{alone, "PATH=/usr/bin:/bin"}
		if out, err := c.CombinedOutput(); err != nil || strings.TrimSpace(string(out)) != ns {
			t.Fatalf("start %d: %s, %v; want %s", i, out, err, ns)
		}
	}
}

// TestLateKeeper: the keeper of a Worker that has ended may not have run since that Worker came to be. It looks like that
// Worker then; whoever starts next is alone all the same, once the keeper goes on. If that is soon, a job cannot tell.
func TestLateKeeper(t *testing.T) {
	testkit.RequireRoot(t)
	t.Run("soon", func(t *testing.T) { lateKeeper(t, true) })
	t.Run("later", func(t *testing.T) {
		for tries := 1; !lateKeeper(t, false); tries++ {
			if tries == 20 {
				t.Fatal("this machine is too busy to show anything")
			}
		}
	})
}

// lateKeeper reports whether the keeper has let go in the time for which a start waits, half of it to be sure.
func lateKeeper(t *testing.T, soon bool) bool {
	strace := testkit.RequireTool(t, "strace", "strace")
	root, logs := root(t), testkit.Dir(t)
	put(t, root+"/bin/Runner.Worker.real", "#!/bin/sh\nexec readlink /proc/self/ns/mnt\n", 0o755)
	t.Cleanup(func() {
		for _, pid := range likeWorkers(t, root) { // of a test that failed
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	})
	stopped := func(log string) bool {
		text, _ := os.ReadFile(filepath.Join(logs, log))
		return bytes.Contains(text, []byte("--- stopped by SIGSTOP ---"))
	}
	ended := func() bool {
		text, _ := os.ReadFile(logs + "/first")
		pid, _, _ := bytes.Cut(text, []byte(" "))
		return regexp.MustCompile(`(?m)^` + string(pid) + ` +\+\+\+ exited with`).Match(text)
	}
	// setsid is among a keeper's first calls; a pause is the start's that waits for it.
	first := exec.Command(strace, "-f", "-o", logs+"/first", "-e", "inject=setsid:signal=SIGSTOP:when=1", root+"/bin/Runner.Worker")
	second := exec.Command(root + "/bin/Runner.Worker")
	if soon {
		second = exec.Command(strace, "-o", logs+"/second", "-e", "inject=nanosleep:signal=SIGSTOP:when=1", root+"/bin/Runner.Worker")
	}
	var said [2]bytes.Buffer
	var keeper int
	for i, c := range []*exec.Cmd{first, second} {
		c.Env, c.Stdout = []string{alone, "PATH=/usr/bin:/bin"}, &said[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if c == first {
			testkit.Await(t, "its Worker has ended", func() bool { return stopped("first") && ended() && len(likeWorkers(t, root)) == 1 })
			keeper = likeWorkers(t, root)[0]
			if name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", keeper)); err != nil || string(name) != runner.KeeperName+"\n" {
				t.Errorf("the keeper is called %q, %v", name, err)
			}
		}
	}
	testkit.Await(t, "the second waits", func() bool {
		if !soon {
			_, err := os.Stat(root + "/_work/.worker-wrap")
			return err == nil
		}
		return stopped("second")
	})
	begun := time.Now()
	waiting := slices.DeleteFunc(likeWorkers(t, root), func(pid int) bool { return pid == keeper })
	if err := unix.Kill(keeper, unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	unlocked(t, root)
	took := time.Since(begun)
	if soon {
		if err := unix.Kill(waiting[0], unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(second.Wait(), first.Wait()); err != nil {
		t.Fatal(err)
	}
	if !soon && took > time.Second {
		return false
	}
	if said[0].String() != said[1].String() {
		t.Errorf("the second is in %s, the first was in %s", &said[1], &said[0])
	}
	if _, err := os.Stat(root + "/_work/.worker-wrap"); soon && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a second that waited no longer leaves a folder: %v", err)
	}
	return true
}

// likeWorkers are the processes that look like Workers of the runner.
func likeWorkers(t *testing.T, root string) []int {
	t.Helper()
	pids, err := procfs.PIDs("/proc")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(pids, func(pid int) bool {
		words, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		return !strings.HasPrefix(string(words), root+"/bin/Runner.Worker\x00")
	})
}

// TestKeeperUnderAttack: another user, and the private job's own processes, can neither look into its keeper nor trace
// it; a flood of events in the work folder holds nothing up, and does not make it grow.
func TestKeeperUnderAttack(t *testing.T) {
	testkit.RequireRoot(t)
	const uid, other = 61234, 61235
	root := rootOf(t, uid)
	startAs(t, uid, root, alone)
	second := startAs(t, uid, root, alone)
	own, temp := sees(t, second, root), root+"/_work/_temp"
	keeper := keeperOf(t, second.cmd.Process.Pid)
	strace := testkit.RequireTool(t, "strace", "strace")
	for _, who := range []int{uid, other} {
		for _, args := range [][]string{
			{strace, "-o", "/dev/null", "-p", fmt.Sprint(keeper)},
			{"/bin/cat", fmt.Sprintf("/proc/%d/mem", keeper)},
			{"/bin/ls", fmt.Sprintf("/proc/%d/fd/", keeper)},
			{"/bin/ls", fmt.Sprintf("/proc/%d/root/", keeper)},
			{"/bin/cat", fmt.Sprintf("/proc/%d/environ", keeper)},
		} {
			if out, err := testkit.AsUser(exec.Command(args[0], args[1:]...), who).CombinedOutput(); err == nil {
				t.Errorf("user %d can do %q: %s", who, args, out)
			}
		}
	}
	before := memoryOf(t, keeper)
	for i := range many(3000, 100_000) {
		name := fmt.Sprintf("%s/_work/%d", root, i%100)
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Rename(name, name+"b"), os.Remove(name+"b")); err != nil {
			t.Fatal(err)
		}
	}
	remake(t, temp, uid)
	testkit.Await(t, "it sees its own", func() bool { return sees(t, second, root).Ino == own.Ino })
	if after := memoryOf(t, keeper); after > before+100 {
		t.Errorf("%d kB of memory were its own before the flood, and %d are after it", before, after)
	}
	// A job may send signals to it; all but SIGKILL it blocks.
	for _, signal := range []string{"TERM", "HUP", "INT", "ALRM", "USR1"} {
		_ = testkit.AsUser(exec.Command("/bin/kill", "-"+signal, fmt.Sprint(keeper)), uid).Run()
	}
	if err := unix.Kill(keeper, 0); err != nil {
		t.Errorf("a signal ended the keeper: %v", err)
	}
	second.end()
	if e := endOf(t, root, second.cmd.Process.Pid); e.Outcome != events.Ended {
		t.Errorf("its end is %+v", e)
	}
}
