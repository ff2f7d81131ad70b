package starts_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// The runner's user in these tests: an ordinary one, whose ids are nobody's, in one more group.
const (
	user  = 61234
	group = 61235
)

// scratch is a runner of the ordinary user's, whose own Worker is a shell.
type scratch struct {
	root, worker, temp, store string
}

// ordinary makes a runner whose Worker is the program at shim.
func ordinary(t *testing.T, shim string) scratch {
	t.Helper()
	testkit.RequireRoot(t)
	return ordinaryIn(t, testkit.Dir(t), shim)
}

// ordinaryIn does so in the folder dir.
func ordinaryIn(t *testing.T, dir, shim string) scratch {
	t.Helper()
	root, worker := testkit.Runner(t, dir, shim, "/bin/sh")
	s := scratch{root, worker, filepath.Join(root, "_work", "_temp"), filepath.Join(root, ".worker-wrap")}
	if err := os.MkdirAll(s.temp, 0o755); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, root, user)
	return s
}

// capable returns a copy of worker-wrap with its file capability.
func capable(t *testing.T) string {
	t.Helper()
	testkit.RequireRoot(t)
	return testkit.Capable(t)
}

// start is one start of a Worker by the ordinary user.
type start struct {
	*exec.Cmd
	out, err printed
}

// hasSaid waits until the process has printed this.
func (s *start) hasSaid(t *testing.T, part string) {
	t.Helper()
	eventually(t, func() error {
		if !strings.Contains(s.out.String(), part) {
			return fmt.Errorf("it says %q, %q", &s.out, &s.err)
		}
		return nil
	})
}

// printed is what a process wrote so far; it can be looked at while the process lives.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// command prepares the start of a program, with settings such as "FALLBACK=run", as the ordinary user. Without one of
// FALLBACK a start that cannot isolate is refused, which the tests can see; "FALLBACK=" is the default.
func command(settings []string, program string, args ...string) *start {
	s := &start{Cmd: exec.Command(program, args...)}
	s.Dir = "/"
	s.Stdout, s.Stderr = &s.out, &s.err
	s.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
	if !slices.ContainsFunc(settings, func(s string) bool { return strings.HasPrefix(s, "FALLBACK=") }) {
		s.Env = append(s.Env, "WORKER_WRAP_FALLBACK=none")
	}
	for _, setting := range settings {
		s.Env = append(s.Env, "WORKER_WRAP_"+setting)
	}
	testkit.AsUser(s.Cmd, user, group)
	return s
}

// run runs a shell script as the Worker and returns the exit code.
func (s scratch) run(t *testing.T, script string, settings ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := command(settings, s.worker, "-c", script)
	code = c.end(t)
	return code, c.out.String(), c.err.String()
}

// end runs the command to its end.
func (s *start) end(t *testing.T) int {
	t.Helper()
	if s.Process == nil {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	_ = s.Wait()
	return s.ProcessState.ExitCode()
}

// oneLine checks that stderr is one line of worker-wrap's and has all of these words.
func oneLine(t *testing.T, stderr string, words ...string) {
	t.Helper()
	if !strings.HasPrefix(stderr, "worker-wrap: ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("want one line of worker-wrap's, got %q", stderr)
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("stderr does not say %q: %q", word, stderr)
		}
	}
}

// log returns the events of a kind.
func (s scratch) log(t *testing.T, kind events.Kind) (out []events.Event) {
	t.Helper()
	f, err := os.Open(filepath.Join(s.root, "_diag", events.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for e, err := range events.Read(f) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// last returns the newest event of a kind.
func (s scratch) last(t *testing.T, kind events.Kind) events.Event {
	t.Helper()
	all := s.log(t, kind)
	if len(all) == 0 {
		t.Fatalf("the event log has no %q", kind)
	}
	return all[len(all)-1]
}
