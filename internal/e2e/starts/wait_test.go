package starts_test

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func itoa[T int | uint64](n T) string { return strconv.FormatUint(uint64(n), 10) }

// unwrapped is a Worker without the shim, which lives until its input ends.
type unwrapped struct {
	*start
	in io.WriteCloser
}

func (s scratch) unwrapped(t *testing.T) *unwrapped {
	t.Helper()
	return launch(t, command(nil, "/bin/sh"), s.worker, "-c", "echo up; read end")
}

// launch starts the command under a name, and returns when it has said that it is up.
func launch(t *testing.T, c *start, argv ...string) *unwrapped {
	t.Helper()
	c.Args = argv
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stdout = nil
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	u := &unwrapped{c, in}
	t.Cleanup(func() { u.end(t) })
	if _, err := io.ReadFull(out, make([]byte, len("up\n"))); err != nil {
		t.Fatalf("%v; stderr: %s", err, &c.err)
	}
	return u
}

func (u *unwrapped) pid() int { return u.Process.Pid }

func (u *unwrapped) end(t *testing.T) {
	t.Helper()
	if u.ProcessState == nil {
		u.in.Close()
		u.start.end(t)
	}
}

// waiting starts a Worker that must wait, and returns when it says that it does.
func (s scratch) waiting(t *testing.T, script string, settings ...string) *start {
	t.Helper()
	c := command(append(settings, "LOG=debug"), s.worker, "-c", script)
	log := &watched{found: make(chan struct{}), word: "waiting at most"}
	c.Stderr = log
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-log.found:
	case <-time.After(testkit.Patience):
		_ = c.Process.Kill()
		_ = c.Wait()
		t.Fatalf("it does not wait: %s", log)
	}
	return c
}

// watched collects output and tells when a word came.
type watched struct {
	mu    sync.Mutex
	text  strings.Builder
	word  string
	found chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.text.String(), w.word)
	w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.word) {
		close(w.found)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestWaitForAnUnwrappedWorker: the start goes on, isolated, when the earlier Worker has ended.
func TestWaitForAnUnwrappedWorker(t *testing.T) {
	s := ordinary(t, capable(t))
	other := s.unwrapped(t)
	c := s.waiting(t, whereAmI, "WAIT=23s")
	if c.out.String() != "" {
		t.Fatal("it was started beside the other")
	}
	other.end(t)
	if code := c.end(t); code != 0 {
		t.Errorf("exit code %d: %s", code, c.Stderr)
	}
	if !strings.Contains(c.out.String(), s.store) {
		t.Errorf("it is not isolated: %q", &c.out)
	}
	if e := s.last(t, events.Wait); e.Outcome != events.Waited || len(e.Alive) != 0 {
		t.Errorf("the event log has %+v", e)
	}
	if e := s.last(t, events.Start); e.Outcome != events.Private || len(e.Alive) != 1 || e.Alive[0] != other.pid() {
		t.Errorf("the event log has %+v", e)
	}
}

// TestWaitForAWrappedWorkerIsBounded: a Worker that stays is not waited for longer than the setting says.
func TestWaitForAWrappedWorkerIsBounded(t *testing.T) {
	s := ordinary(t, capable(t))
	other := launch(t, command(nil, s.worker), s.worker, "-c", "echo up; read end")
	began := time.Now()
	code, out, stderr := s.run(t, whereAmI, "WAIT=400ms")
	if took := time.Since(began); took < 400*time.Millisecond {
		t.Errorf("it waited %v", took)
	}
	if code != 0 || stderr != "" || !strings.Contains(out, s.store) {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	if e := s.last(t, events.Wait); e.Outcome != events.Failed || len(e.Alive) != 1 || e.Alive[0] != other.pid() {
		t.Errorf("the event log has %+v", e)
	}
}

// TestWaitIsNotMutual: of Workers that start together each waits for those before it, so all come to run.
func TestWaitIsNotMutual(t *testing.T) {
	s := ordinary(t, capable(t))
	var all []*start
	for range 6 {
		c := command([]string{"WAIT=23s"}, s.worker, "-c", "true")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	for _, c := range all {
		if code := c.end(t); code != 0 {
			t.Errorf("exit code %d: %s", code, &c.err)
		}
	}
	for _, e := range s.log(t, events.Wait) {
		if e.Outcome != events.Waited {
			t.Errorf("they waited for each other: %+v", e)
		}
	}
}

// TestWaitNotForAncestors: what a job starts with worker-wrap does not wait for the job's own Worker.
func TestWaitNotForAncestors(t *testing.T) {
	shim := capable(t)
	s := ordinary(t, shim)
	code, out, stderr := s.run(t, shim+" run --runner-root "+s.root+" -- /bin/sh -c '"+whereAmI+"'", "WAIT=23s")
	if code != 0 || !strings.Contains(out, s.store) {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	if waits := s.log(t, events.Wait); waits != nil {
		t.Errorf("it waited for its own Worker: %+v", waits)
	}
}

// TestWaitWarns: a time after which a refusal would come too late is said, and is not used.
func TestWaitWarns(t *testing.T) {
	s := ordinary(t, capable(t))
	if _, _, stderr := s.run(t, "true", "WAIT=23s"); stderr != "" {
		t.Errorf("23s: %q", stderr)
	}
	for _, wait := range []string{"24s", "10m"} {
		code, _, stderr := s.run(t, "true", "WAIT="+wait)
		if code != 0 {
			t.Errorf("%s: exit code %d", wait, code)
		}
		oneLine(t, stderr, "WORKER_WRAP_WAIT=", "30s")
	}
}

// TestWaitEndsWithSIGTERM: a start that waits can be cancelled.
func TestWaitEndsWithSIGTERM(t *testing.T) {
	s := ordinary(t, capable(t))
	s.unwrapped(t)
	for _, userns := range []string{"USERNS=0", "USERNS=1"} {
		c := s.waiting(t, "true", "WAIT=23s", userns)
		if err := c.Process.Signal(sigterm); err != nil {
			t.Fatal(err)
		}
		if code := c.end(t); code != -1 {
			t.Errorf("%s: exit code %d, want an end by the signal", userns, code)
		}
	}
}

// TestWaitIgnoresPretenders: a process of another user is no Worker, whatever it calls itself.
func TestWaitIgnoresPretenders(t *testing.T) {
	testkit.RequireRoot(t)
	s := ordinary(t, capable(t))
	fake := command(nil, "/bin/sh")
	fake.SysProcAttr.Credential.Uid = user + 7
	launch(t, fake, s.worker, "-c", "echo up; read end")
	code, out, stderr := s.run(t, whereAmI, "WAIT=23s", "ISOLATE=overlap")
	if code != 0 || !strings.HasPrefix(out, s.temp+"\n") {
		t.Errorf("exit code %d, %q, %q", code, out, stderr)
	}
	if waits := s.log(t, events.Wait); waits != nil {
		t.Errorf("it waited for another user's process: %+v", waits)
	}
}
