package sweeper

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestMain is also the process that Start starts, as it runs this program.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == Command {
		if Run(os.Args[2], os.Args[3]) != nil {
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}

// TestStart: a process of its own deletes what a dead owner left, spares a living one's, and records it.
func TestStart(t *testing.T) {
	dir := t.TempDir()
	store, diag := filepath.Join(dir, perpid.StoreName), filepath.Join(dir, "_diag")
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	dead := self
	dead.PID, dead.Start = 1<<22+1, 1 // over the kernel's PID_MAX_LIMIT
	for _, path := range []string{diag, filepath.Join(store, dead.String(), "a", "b"), filepath.Join(store, self.String(), "mine")} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := Start(store, diag); err != nil {
		t.Fatal(err)
	}
	e := recorded(t, filepath.Join(diag, events.FileName))
	if e.Outcome != events.Removed || e.Dir != filepath.Join(store, dead.String()) || e.Job.PID != dead.PID || e.Files != 3 || e.PID == os.Getpid() {
		t.Errorf("the event is %+v", e)
	}
	left, err := os.ReadDir(store)
	if err != nil || len(left) != 1 || left[0].Name() != self.String() {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(store, self.String(), "mine")); err != nil {
		t.Error(err)
	}
}

// recorded waits for the sweep's event.
func recorded(t *testing.T, path string) events.Event {
	t.Helper()
	for end := time.Now().Add(testkit.Patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if f, err := os.Open(path); err == nil {
			for e, err := range events.Read(f) {
				if err == nil && e.Kind == events.Sweep {
					f.Close()
					return e
				}
			}
			f.Close()
		}
	}
	t.Fatal("no sweep is recorded")
	return events.Event{}
}
