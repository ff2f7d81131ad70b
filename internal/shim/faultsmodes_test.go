package shim_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// mode is a way to start a Worker that makes other calls than the plain way, which TestEachCallFailing has.
type mode struct {
	name     string
	settings []string
	user     bool // started by the ordinary user, without any capability
	beside   bool // beside another Worker that is alive
	docker   bool // with a Docker socket
	// follow has faults in every process and thread. Each counts its own calls (strace(1)), so that several
	// can fail in one start; without, only the main thread's do.
	follow  bool
	allowed []string
}

var modes = []mode{
	{name: "overlap", settings: []string{"ISOLATE=overlap"}, allowed: []string{plain, isolated, refused}},
	{name: "overlap beside", settings: []string{"ISOLATE=overlap"}, beside: true, allowed: []string{isolated, refused}},
	{name: "tmpfs", settings: []string{"BACKING=tmpfs"}, allowed: []string{isolated, refused}},
	{name: "wait", settings: []string{"WAIT=10ms"}, beside: true, allowed: []string{isolated, warned, refused}},
	{name: "run", settings: []string{"FALLBACK=run"}, follow: true, allowed: []string{isolated, reported, refused}},
	{name: "wait alone", settings: []string{"FALLBACK=wait", "WAIT=10ms"}, follow: true, allowed: []string{isolated, warned, reported, refused}},
	{name: "wait beside", settings: []string{"FALLBACK=wait", "WAIT=10ms"}, beside: true, follow: true, allowed: []string{isolated, warned, refused}},
	{name: "userns", settings: []string{"USERNS=1"}, user: true, allowed: []string{isolated, refused, abandoned}},
	{name: "userns, all of it", settings: []string{"USERNS=1"}, user: true, follow: true, allowed: []string{isolated, refused, abandoned}},
	{name: "userns, tmpfs", settings: []string{"USERNS=1", "BACKING=tmpfs"}, user: true, follow: true, allowed: []string{isolated, refused, abandoned}},
	{name: "docker", docker: true, allowed: []string{isolated, refused}},
	{name: "docker, all of it", docker: true, follow: true, allowed: []string{isolated, refused}},
}

// fault is one call that fails, in a start in some mode.
type fault struct {
	call
	errno string
}

// TestEachCallFailingInEachMode is TestEachCallFailing for the other ways to start. Calls that the plain way
// makes too fail with one errno, in every second place; the others with each that they can have.
func TestEachCallFailingInEachMode(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	usual := mode{name: "plain"}
	plainTrace := usual.trace(t, strace, usual.prepare(t))
	before := hostMounts(t)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			faults := m.faults(t, m.trace(t, strace, m.prepare(t)), plainTrace.names())
			if len(faults) < 8 {
				t.Fatalf("only %d faults to inject: the trace cannot have been understood", len(faults))
			}
			queue := make(chan fault)
			var wg sync.WaitGroup
			var mu sync.Mutex
			outcomes := map[string]int{}
			for range runtime.NumCPU() {
				s := m.prepare(t)
				wg.Go(func() {
					for f := range queue {
						got, err := m.inject(t, strace, s, f)
						mu.Lock()
						outcomes[got]++
						mu.Unlock()
						if err != nil {
							t.Errorf("%s no. %d fails with %s: %v", f.name, f.nth, f.errno, err)
						}
					}
				})
			}
			for _, f := range faults {
				queue <- f
			}
			close(queue)
			wg.Wait()
			t.Logf("%d faults: %v", len(faults), outcomes)
			if outcomes[missed] > len(faults)/2 { // other tests' processes come and go
				t.Errorf("%d of %d faults came to nothing", outcomes[missed], len(faults))
			}
		})
	}
	sameMounts(t, before)
}

// prepare makes a runner, and what the mode has beside it.
func (m mode) prepare(t *testing.T) scratch {
	t.Helper()
	s := ordinary(t, testkit.Binary(t))
	if m.beside {
		s.unwrapped(t)
	}
	if m.docker {
		l, err := net.Listen("unix", s.socket())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	return s
}

// command prepares a start under strace, which writes to the runner's file trace.
func (m mode) command(ctx context.Context, strace string, s scratch, options ...string) *exec.Cmd {
	args := append([]string{"-o", s.trace()}, options...)
	args = append(args, "--", s.worker, "-c", program(s.temp))
	cmd := exec.CommandContext(ctx, strace, args...)
	start := command(m.settings, "")
	cmd.Env, cmd.Dir, cmd.WaitDelay = start.Env, "/", time.Second
	if m.docker {
		cmd.Env = append(cmd.Env, "DOCKER_HOST=unix://"+s.socket())
	} else {
		cmd.Env = append(cmd.Env, "WORKER_WRAP_DOCKER=off")
	}
	if m.user {
		cmd.SysProcAttr = start.SysProcAttr
	}
	return cmd
}

func (s scratch) trace() string { return filepath.Join(s.root, "trace") }

// trace makes a start without a fault and returns what it called.
func (m mode) trace(t *testing.T, strace string, s scratch) trace {
	t.Helper()
	s.leave(t)
	cmd := m.command(context.Background(), strace, s, "-f")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	isOnHost(s.temp)
	return readTrace(t, s)
}

// faults chooses what is made to fail.
func (m mode) faults(t *testing.T, tr trace, usual []string) (out []fault) {
	t.Helper()
	calls := tr.calls[tr.main]
	if m.follow {
		calls = append(calls, tr.beside()...)
	}
	for _, c := range calls {
		if c.nth > 6 && c.nth < tr.count[tr.main][c.name]-10 && c.nth%32 != 0 {
			continue // made for each process of the machine
		}
		list, known := errnos[c.name]
		if more, ok := errnosOfModes[c.name]; ok {
			list, known = more, true
		}
		if !known {
			t.Errorf("a start makes the call %s, for which this test names no errors", c.name)
		}
		if len(list) > 0 && slices.Contains(usual, c.name) {
			if c.nth > 2 && c.nth%2 == 1 {
				continue
			}
			list = list[c.nth/2%len(list):][:1]
		}
		for _, errno := range list {
			if f := (fault{c, errno}); !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// leave is what the function of this name does, as the runner's user.
func (s scratch) leave(t *testing.T) {
	leave(t, s.temp)
	for _, path := range append(entries(t, s.store), ".") {
		if err := os.Lchown(filepath.Join(s.store, path), user, user); err != nil && !os.IsNotExist(err) { // swept meanwhile
			t.Error(err)
		}
	}
}

// inject makes a start with a fault.
func (m mode) inject(t *testing.T, strace string, s scratch, f fault) (string, error) {
	s.leave(t)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	options := []string{"-e", "trace=execve," + f.name, "-e", fmt.Sprintf("inject=%s:error=%s:when=%d", f.name, f.errno, f.nth)}
	if m.follow {
		options = append(options, "-f")
	}
	cmd := m.command(ctx, strace, s, options...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	e := ending{code: cmd.ProcessState.ExitCode(), out: out.String(), err: stderr.String(), onHost: isOnHost(s.temp), hung: ctx.Err() != nil, supervised: m.user}
	if !e.hung && !readTrace(t, s).struck {
		return missed, nil
	}
	return e.allowed(m.allowed...)
}

// TestLookAtAnotherFailing: a Worker with ISOLATE=overlap that cannot find out whether another process is one does
// not take the real _temp. That a file of /proc is not there means that the process has ended.
func TestLookAtAnotherFailing(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	m := mode{settings: []string{"ISOLATE=overlap"}, user: true}
	s := m.prepare(t)
	other := s.unwrapped(t)
	process := "/proc/" + itoa(other.pid())
	struck := 0
	for _, c := range []struct{ name, path string }{
		{"openat", process + "/cmdline"},
		{"read", process + "/cmdline"},
		{"openat", process + "/status"},
		{"read", process + "/status"},
		{"openat", process + "/stat"},
		{"read", process + "/stat"},
	} {
		for _, errno := range []string{"EMFILE", "EIO", "ENOMEM"} {
			s.leave(t)
			// With -P only calls with that file are counted and fail, and a program's execve does not show.
			cmd := m.command(context.Background(), strace, s, "-P", c.path, "-e", "trace="+c.name, "-e", "inject="+c.name+":error="+errno)
			cmd.Env = append(cmd.Env, "WORKER_WRAP_FALLBACK=run")
			var out, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &stderr
			_ = cmd.Run()
			e := ending{code: cmd.ProcessState.ExitCode(), out: out.String(), err: stderr.String(), onHost: isOnHost(s.temp)}
			if _, err := e.allowed(isolated, refused, reported); err != nil {
				t.Errorf("%s of %s fails with %s: %v", c.name, c.path, errno, err)
			}
			if log, _ := os.ReadFile(s.trace()); strings.Contains(string(log), "(INJECTED)") {
				struck++
			}
		}
	}
	if struck < 12 {
		t.Errorf("only %d faults came about", struck)
	}
}

// missed is the outcome of a fault that did not happen, or happened to the program: the number of calls of a
// start is not always the same, as it looks at all processes.
const missed = "missed"

// errnosOfModes are those of calls that only some modes make, and of those that must not have all that errnos
// has: that a file of another process's in /proc is not there means that the process has ended.
var errnosOfModes = map[string][]string{
	"bind":        {"EADDRINUSE", "EACCES", "EROFS"},
	"capget":      {"EPERM"},
	"capset":      {"EPERM"},
	"chdir":       {"EACCES"},
	"chown":       {"EPERM"},
	"close_range": {"ENOSYS", "EINVAL"},
	"dup3":        {"EBUSY", "EMFILE"},
	"fchmodat":    {"EPERM", "EROFS"},
	"flock":       {"ENOLCK", "ENOSYS", "EAGAIN", "EINTR"},
	"fsconfig":    {"EINVAL", "EPERM", "ENOMEM"},
	"fsmount":     {"EPERM", "EMFILE", "ENOSPC"},
	"fsopen":      {"EPERM", "ENODEV", "ENOSYS", "EMFILE", "ENOMEM"},
	"ftruncate":   {"EIO", "EPERM"},
	"getcwd":      {"ENOENT"},
	"getppid":     {},
	"fchownat":    {"EPERM"},
	"listen":      {"EADDRINUSE", "EOPNOTSUPP"},
	"lseek":       {"EIO"},
	"openat":      {"EMFILE", "EIO", "ENFILE", "ENOMEM"},
	"open":        {"EMFILE", "EIO", "ENFILE", "ENOMEM"},
	"pidfd_open":  {"EMFILE", "ENOSYS", "EPERM", "ENOMEM"},
	"pipe2":       {"EMFILE", "ENFILE"},
	"poll":        {"ENOMEM", "EINTR"},
	"ppoll":       {"ENOMEM", "EINTR"},
	"prctl":       {"EPERM", "EINVAL"},
	"pwrite64":    {"ENOSPC", "EIO", "EDQUOT"},
	"sendmsg":     {"EPIPE", "ENOBUFS"},
	"setsid":      {},
	"socket":      {"EMFILE", "EACCES", "EAFNOSUPPORT"},
	"socketpair":  {"EMFILE", "ENFILE"},
	"wait4":       {"EINTR"}, // a supervisor has no stderr left to say ECHILD, which nobody can bring about
}

func (tr trace) names() (out []string) {
	for _, c := range tr.calls[tr.main] {
		if !slices.Contains(out, c.name) {
			out = append(out, c.name)
		}
	}
	return out
}

// beside returns the calls of other threads and processes that can be made to fail alone: those of which the
// main thread makes fewer.
func (tr trace) beside() (out []call) {
	for tid, calls := range tr.calls {
		if tid == tr.main {
			continue
		}
		for _, c := range calls {
			if c.nth > tr.count[tr.main][c.name] && c.nth > tr.ofProgram[c.name] && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}
