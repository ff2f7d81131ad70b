package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
)

// The course of the issue, in its own seconds: B's step lasts from 11:55:22 to 11:55:45. A's cleanup comes 17 s after
// it was told to cancel, 10 of which its step takes to be killed.
const (
	aloneA    = 5 * time.Second
	stepB     = 23 * time.Second
	teardownA = 7 * time.Second
	teardownB = 4 * time.Second
	action    = "actions/checkout@v6"
)

// padding makes a job's message longer than a pipe holds.
const padding = 100_000

// course is how a replay goes. Its times are the runner's own.
type course struct {
	title            string
	shim             string        // what stands in the place of the Worker, if anything
	holds            bool          // the runner waits for the Worker that it cancels, as since 2.336.0
	wait             time.Duration // WORKER_WRAP_WAIT, if it is set
	teardownA, stepB time.Duration
	meet             bool // Job A empties _temp while Job B's step runs, however slow the machine is
	padding          int  // of Job B's message
}

// half is one replay, and what is known of it.
type half struct {
	course
	shimmed bool
	root    standin.Root

	mu      sync.Mutex
	records []standin.Record
	temps   map[string]file // job's ID → the _temp that its Worker sees
	plain   file            // the one that the machine sees
	mounted []string        // mounts of the machine below the root, afterwards

	jobA, jobB       string
	resultA, resultB standin.Result
	waitB            time.Duration // for which worker-wrap had Job B wait
}

// file is a folder's identity.
type file struct{ dev, ino uint64 }

// replay lets the stand-in runner in dir go through the issue.
func replay(ctx context.Context, o Options, dir string, c course) (*half, error) {
	h := &half{course: c, shimmed: c.shim != "", temps: map[string]file{}}
	var err error
	if h.root, err = standin.MakeRoot(dir, standin.RootOptions{Program: o.Program}); err != nil {
		return nil, err
	}
	if h.shimmed {
		worker := filepath.Join(h.root.Bin, standin.WorkerName)
		if err := os.Rename(worker, worker+".real"); err != nil {
			return nil, err
		}
		if err := os.Symlink(c.shim, worker); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(h.root.Temp, 0o755); err != nil { // as a runner has it that ran jobs before
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat(h.root.Temp, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: h.root.Temp, Err: err}
	}
	h.plain = file{uint64(st.Dev), st.Ino}
	running := make(chan struct{}) // closed when Job A's step runs
	var once sync.Once
	l := &standin.Listener{Root: h.root.Dir, Scale: o.Scale, Waits: c.holds, Env: o.environment(c), Trace: func(r standin.Record) {
		h.observe(r)
		if r.PID != 0 && strings.HasPrefix(r.Message, processStarted) {
			once.Do(func() { close(running) })
		}
	}}
	defer l.Close()

	runsB := filepath.Join(h.root.Dir, "job-b-runs")
	jobA := standin.Job{Name: "run-tables-tests (spark)", Teardown: c.teardownA, Padding: padding, Steps: []standin.Step{
		{Name: "Run tests", Run: "trap '' INT TERM\nsleep 600\n"},
	}}
	if c.meet {
		jobA.TeardownUntil = runsB
	}
	a, err := l.Dispatch(jobA)
	if err != nil {
		return nil, err
	}
	defer a.Abort()
	h.jobA = a.Job.ID
	select {
	case <-running:
	case <-a.Done(): // it shows in what is expected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := sleep(ctx, o.scaled(aloneA)); err != nil {
		return nil, err
	}
	endedA := filepath.Join(h.root.Dir, "job-a-has-ended")
	seconds := strconv.FormatFloat(o.scaled(c.stepB).Seconds(), 'f', 3, 64)
	b, err := l.Dispatch(standin.Job{Name: "checkout", Teardown: teardownB, Padding: c.padding, Steps: []standin.Step{
		// However slow the machine is, Job A's end comes within this step.
		{Name: "Run " + action, Uses: action, Script: standin.Mark(runsB) + "sleep " + seconds + "\n" + standin.Until(endedA) + standin.SetOutput("ref", "main")},
	}})
	if err != nil {
		return nil, err
	}
	defer b.Abort()
	h.jobB = b.Job.ID
	for ended, endB := false, b.Done(); !ended; {
		select {
		case <-a.Done():
			ended = true
		case <-endB: // Job A need not wait for its step any more
			if err := os.WriteFile(runsB, nil, 0o644); err != nil {
				return nil, err
			}
			endB = nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err := os.WriteFile(endedA, nil, 0o644); err != nil {
		return nil, err
	}
	select {
	case <-b.Done():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	h.resultA, h.resultB = a.Wait(), b.Wait()
	if err := h.readWait(); err != nil {
		return nil, err
	}
	h.mounted, err = mountsBelow(h.root.Dir)
	return h, err
}

func (o Options) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * o.Scale)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// environment is the Listener's: this process's, with the settings that an install makes, and those of the course. What
// cannot be isolated is not to wait for the other.
func (o Options) environment(c course) []string {
	env := []string{"WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_FALLBACK=none"}
	if c.wait > 0 {
		env = append(env, "WORKER_WRAP_WAIT="+o.scaled(c.wait).String())
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "WORKER_WRAP_") {
			env = append(env, e)
		}
	}
	return env
}

// observe keeps a record. When a Worker has found its _temp, it looks which folder that is, from the
// outside: the path is the same for all.
func (h *half) observe(r standin.Record) {
	var temp file
	if strings.HasPrefix(r.Message, wellKnownTemp) {
		var st unix.Stat_t
		if err := unix.Stat(fmt.Sprintf("/proc/%d/root%s", r.PID, h.root.Temp), &st); err == nil {
			temp = file{uint64(st.Dev), st.Ino}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, r)
	if temp != (file{}) {
		h.temps[r.Job] = temp
	}
}

// isPlain reports whether a job's _temp is the one that the machine sees.
func (h *half) isPlain(job string) bool { return h.temps[job] == h.plain }

// mountsBelow lists the mounts of this process's namespace that lie in dir.
func mountsBelow(dir string) ([]string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir) {
			found = append(found, f[4])
		}
	}
	return found, nil
}
