package starts_test

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTimerSlack: a Worker has the timer slack that its start was given, though the start changes its own.
func TestTimerSlack(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	runtime.LockOSThread() // for good: the thread ends with the test
	const given = 123456
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, given, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	const script = "cat /proc/self/timerslack_ns"
	for _, setting := range []string{"ISOLATE=always", "ISOLATE=overlap", "ISOLATE=alone"} {
		if code, out, stderr := s.run(t, script, setting); code != 0 || out != itoa(given)+"\n" {
			t.Errorf("%s: exit code %d, %q, %q", setting, code, out, stderr)
		}
	}
	c := command(nil, shim, "--temp", s.temp, "--", "/bin/sh", "-c", script)
	if code := c.end(t); code != 0 || c.out.String() != itoa(given)+"\n" {
		t.Errorf("--temp: exit code %d, %q, %q", code, &c.out, &c.err)
	}
}
