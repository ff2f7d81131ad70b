package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// relatives lists the living processes of the scratch runner: those with its root in their arguments.
func (s scratch) relatives(t *testing.T) []int { return testkit.Running(t, s.root) }

// gone waits for all of the runner's processes to be gone. A sweep among them may wait for long: it runs only when no
// other process wants the CPU or the disk.
func (s scratch) gone(t *testing.T, when string) {
	t.Helper()
	var left []int
	for deadline := time.Now().Add(testkit.Patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if left = s.relatives(t); len(left) == 0 {
			return
		}
	}
	for _, pid := range left {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	t.Fatalf("%s: processes %v are left", when, left)
}

// TestUsernsLeavesNoOrphan kills the supervisor, which is the PID that the Listener kills, at moments all
// over its start and after it.
func TestUsernsLeavesNoOrphan(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	for i := range 25 {
		c := command([]string{"USERNS=1"}, s.worker, "-c", "while :; do read line || exit; done")
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		after := time.Duration(i) * 700 * time.Microsecond // a start takes some 5 ms
		time.Sleep(after)
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		c.end(t)
		s.gone(t, "killed after "+after.String())
		in.Close()
	}
}

// TestUsernsChildDiesFirst: at whatever moment the child is killed, the supervisor ends, by the same signal or
// with a refusal.
func TestUsernsChildDiesFirst(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	ends := map[string]int{}
	for i := range 20 {
		c := command([]string{"USERNS=1"}, s.worker, "-c", "while :; do read line || exit; done")
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		var children []int
		for end := time.Now().Add(testkit.Patience); len(children) == 0 && time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
			children = childrenOf(t, c.Process.Pid)
		}
		if len(children) != 1 {
			t.Fatalf("children %v", children)
		}
		if i%2 == 0 {
			time.Sleep(time.Duration(i) * 300 * time.Microsecond) // a start takes some 5 ms
		} else {
			testkit.Await(t, "it is the Worker", func() bool {
				exe, _ := os.Readlink("/proc/" + itoa(children[0]) + "/exe")
				return exe != "" && filepath.Base(exe) != filepath.Base(testkit.Binary(t))
			})
		}
		if err := unix.Kill(children[0], unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		code := c.end(t)
		in.Close()
		ends[c.ProcessState.String()]++
		switch {
		case code == 125:
			oneLine(t, c.err.String(), "user namespace")
		case code != -1 || !strings.Contains(c.ProcessState.String(), "killed"):
			t.Errorf("the supervisor ended with %v: %s", c.ProcessState, &c.err)
		}
	}
	if ends["signal: killed"] < 10 {
		t.Errorf("it ended like its Worker too seldom: %v", ends)
	}
	s.gone(t, "at the end")
}

// TestUsernsFolderIsTheChilds: the folder lives as long as the Worker, and is swept when both are dead.
func TestUsernsFolderIsTheChilds(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	first := command([]string{"USERNS=1"}, s.worker)
	first.Args = []string{s.worker, "-c", `touch ` + s.temp + `/file; echo "$WORKER_WRAP_HOST_TEMP"; read end`}
	lines := talk(t, first)
	host := lines.next(t)
	children := childrenOf(t, first.Process.Pid)
	if len(children) != 1 || !strings.HasPrefix(filepath.Base(host), strconv.Itoa(children[0])+"-") {
		t.Errorf("the folder %s is not the child's, %v", host, children)
	}
	if code, _, stderr := s.run(t, "true", "USERNS=1"); code != 0 {
		t.Fatal(stderr)
	}
	if _, err := os.Stat(host + "/file"); err != nil {
		t.Errorf("a living Worker's folder was touched: %v", err)
	}
	lines.in.Close()
	first.end(t)
	if code, _, stderr := s.run(t, "true", "USERNS=1"); code != 0 {
		t.Fatal(stderr)
	}
	eventually(t, func() error { // the sweep is a process of its own
		if _, err := os.Stat(host); err == nil {
			return fmt.Errorf("%s is left", host)
		}
		return nil
	})
}
