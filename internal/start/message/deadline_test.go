package message

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// TestDeadline: the time counts from the process's start, and leaves some where that has been long ago.
func TestDeadline(t *testing.T) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Fatal(err)
	}
	start, err := strconv.ParseInt(strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))[19], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	at := now()
	began := start * int64(10*time.Millisecond)
	if got := begun(at); got != began || got > at {
		t.Fatalf("this process began at %v, want %v; it is %v", got, began, at)
	}
	if got, want := deadline(int64(long)), began+int64(long-5*time.Second); got != want {
		t.Errorf("the deadline is %v, want %v", got, want)
	}
	if got := deadline(0); got < at+int64(policy.Grace) || got > now()+int64(policy.Grace) {
		t.Errorf("where the time is up the deadline is %v from now", time.Duration(got-at))
	}
}

// TestDeadlineAfterAWait: however long a start is to wait, it has ended 5 s before the Listener gives up.
func TestDeadlineAfterAWait(t *testing.T) {
	for _, fallback := range []policy.Fallback{policy.FallbackWait, policy.FallbackNone, policy.FallbackRun} {
		for _, wait := range []time.Duration{0, 20 * time.Second, 24 * time.Second, time.Minute, time.Hour} {
			for _, channel := range []string{"", "40", "300"} {
				limit := policy.ChannelTimeout(channel)
				waited, _ := policy.Settings{Wait: wait, Fallback: fallback}.Patience(channel)
				const begun = int64(time.Hour)
				latest := policy.Latest(channel)
				refused := begun + int64(latest+policy.LastTry)
				if end := time.Duration(until(begun, refused, int64(limit)) - begun); end != limit-5*time.Second || waited >= latest {
					t.Errorf("WAIT=%v, FALLBACK=%v and %q: it waits %v, and ends after %v", wait, fallback, channel, waited, end)
				}
			}
		}
	}
}

// TestNames: what is known here too is the same elsewhere.
func TestNames(t *testing.T) {
	for _, path := range []string{runner.WorkerName, "/r/bin/" + runner.KeptWorkerName, "/" + runner.RealWorkerName, "x" + runner.WorkerName, "/r/bin/Runner.Worker.dll", ""} {
		if isWorker(path) != runner.IsWorker(path) {
			t.Errorf("%q: %v", path, isWorker(path))
		}
	}
	args := []string{"/ww", runner.EntryWord, "/r/bin/Runner.Worker", verb, "3", "4"}
	if worker, ok := runner.Arguments(args); !ok || len(worker) != argCount || len(args)-len(worker) != entryCount {
		t.Errorf("of an entry's arguments %q are the Worker's", worker)
	}
}
