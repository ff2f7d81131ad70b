package starts_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestKilledWhileStarting kills starts at random moments, 200 times, before, in and after the making of the
// mounts, and looks for what stays on the host and whether the next start clears it away.
func TestKilledWhileStarting(t *testing.T) {
	testkit.RequireRoot(t)
	root, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	temp := filepath.Join(root, "_work", "_temp")
	run := func() *exec.Cmd { return exec.Command(path, "-c", "echo > "+temp+"/of-the-job; exec sleep 100") }

	// How long a start takes decides from when to when it is worth to kill: half of them are to get through, however
	// busy the machine gets.
	begin := time.Now()
	if out, err := exec.Command(path, "-c", ":").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	whole := time.Since(begin)

	before := hostMounts(t)
	reached := 0
	const starts = 200
	for range starts {
		cmd := run()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(2 * whole))))
		comm, _ := os.ReadFile("/proc/" + itoa(cmd.Process.Pid) + "/comm")
		if strings.TrimSpace(string(comm)) == "sleep" {
			reached++
			whole = max(whole*19/20, time.Millisecond)
		} else {
			whole = whole * 21 / 20
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	if reached < starts/10 || reached > starts*9/10 {
		t.Errorf("%d of %d had become their program when they were killed: the moments are too early or too late to show anything", reached, starts)
	}
	t.Logf("%d of %d had become their program when they were killed", reached, starts)
	sameMounts(t, before)
	if left := entries(t, temp); len(left) > 0 {
		t.Errorf("in the host's _temp: %v", left)
	}
	eventually(t, func() error {
		if out, err := exec.Command(path, "-c", ":").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return atMostOne(entries(t, perpid.Path(temp)))
	})
}
