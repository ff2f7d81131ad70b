package starts_test

import (
	"bytes"
	"context"
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

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// mode is a way to start a Worker that makes other calls than the plain way, which TestEachCallFailing has.
type mode struct {
	name     string
	settings []string
	user     bool // started by the ordinary user, without any capability
	beside   bool // beside another Worker that is alive
	capable  bool // started by another ordinary user, from a file with the capability
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
	{name: "wait alone", settings: []string{"FALLBACK=wait", "WAIT=10ms"}, follow: true, allowed: []string{isolated, warned, plain, refused}},
	{name: "wait beside", settings: []string{"FALLBACK=wait", "WAIT=10ms"}, beside: true, follow: true, allowed: []string{isolated, warned, refused}},
	{name: "userns", settings: []string{"USERNS=1"}, user: true, allowed: []string{isolated, refused, abandoned}},
	{name: "userns, all of it", settings: []string{"USERNS=1"}, user: true, follow: true, allowed: []string{isolated, refused, abandoned}},
	{name: "userns, tmpfs", settings: []string{"USERNS=1", "BACKING=tmpfs"}, user: true, follow: true, allowed: []string{isolated, refused, abandoned}},
	{name: "docker", docker: true, allowed: []string{isolated, warned, refused}},
	{name: "docker, all of it", docker: true, follow: true, allowed: []string{isolated, warned, refused}},
	{name: "capable", capable: true, allowed: []string{isolated, refused}},
	{name: "capable, run", capable: true, settings: []string{"FALLBACK=run"}, allowed: []string{isolated, reported, refused}},
	{name: "capable, docker", capable: true, docker: true, allowed: []string{isolated, warned, refused}},
}

// looks reports whether a start in this mode looks at all processes of the machine. Others come and go meanwhile, so
// that how many calls it makes is not always the same.
func (m mode) looks() bool {
	return slices.ContainsFunc(m.settings, func(s string) bool { return s == "ISOLATE=overlap" || strings.HasPrefix(s, "WAIT=") })
}

// spot is what starts in a mode are made on.
type spot struct {
	scratch
	uid   int
	name  string     // of the user, if the mode has one that strace(1) is to know
	other *unwrapped // the Worker beside
}

// TestEachCallFailingInEachMode is TestEachCallFailing for the other ways to start.
func TestEachCallFailingInEachMode(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	start := mode{name: "plain"}
	usual := start.trace(t, strace, start.prepare(t)).names()
	before := hostMounts(t)
	name, uid := testkit.User(t)
	for way, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			prepare := func() *spot {
				g := m.prepare(t)
				if m.capable {
					g.name, g.uid = name, uid
					testkit.Give(t, g.root, uid)
				}
				return g
			}
			// A start that has to look again, as mounts came meanwhile, makes more calls than most.
			first, second := prepare(), prepare()
			tr := m.trace(t, strace, first)
			faults := m.faults(t, tr, m.trace(t, strace, second), usual, way)
			usual = append(usual, tr.names()...)
			if len(faults) < 8 {
				t.Fatalf("only %d faults to inject: the trace cannot have been understood", len(faults))
			}
			queue := make(chan modeFault)
			var wg sync.WaitGroup
			var mu sync.Mutex
			outcomes := map[string]int{}
			var unmet []modeFault
			spots := []*spot{first, second}
			for len(spots) < runtime.NumCPU() {
				spots = append(spots, prepare())
			}
			for _, g := range spots {
				wg.Go(func() {
					for f := range queue {
						got, err := m.inject(t, strace, g, f.fault)
						for n := 0; got == missed && n < 4; n++ {
							got, err = m.inject(t, strace, g, f.fault)
						}
						mu.Lock()
						outcomes[got]++
						if got == missed && !f.luck {
							unmet = append(unmet, f)
						}
						mu.Unlock()
						if err != nil {
							t.Errorf("%v: %v", f, err)
						}
					}
				})
			}
			for _, f := range faults {
				queue <- f
			}
			close(queue)
			wg.Wait()
			lucky := 0
			for _, f := range faults {
				if f.luck {
					lucky++
				}
			}
			t.Logf("%d faults, %d of which luck decides: %v", len(faults), lucky, outcomes)
			if n := outcomes[missed] - len(unmet); lucky >= 8 && n == lucky { // of fewer all can miss
				t.Errorf("all %d faults of luck came to nothing", lucky)
			}
			if len(unmet) > 0 {
				t.Errorf("these do not happen: %v", unmet)
			}
			for _, g := range spots {
				m.tidy(t, g)
			}
		})
	}
	sameMounts(t, before)
}

// tidy checks that what starts have left, faults or not, are things of known owners, which later starts remove.
func (m mode) tidy(t *testing.T, g *spot) {
	t.Helper()
	if g.other != nil {
		g.other.end(t)
	}
	g.gone(t, "after the faults")
	g.move(t, g.kept(), g.store)
	left := func() []string {
		return slices.DeleteFunc(g.left(t), func(name string) bool {
			if _, _, ok := perpid.Parse(perpid.Bare(name)); !ok {
				t.Errorf("the store has %q, which is nobody's", name)
			}
			return strings.HasPrefix(name, "undeletable.") // by a fault, and kept for a person to see
		})
	}
	left()
	eventually(t, func() error {
		cmd := m.command(context.Background(), "", g)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		isOnHost(g.temp)
		g.gone(t, "after a start")
		return atMostOne(left())
	})
}

// prepare makes a runner, and what the mode has beside it.
func (m mode) prepare(t *testing.T) *spot {
	t.Helper()
	shim := testkit.Binary(t)
	if m.capable {
		shim = capable(t)
	}
	g := &spot{scratch: ordinary(t, shim), uid: user}
	if m.beside {
		g.other = g.unwrapped(t)
	}
	if m.docker {
		l, err := net.Listen("unix", g.socket())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
	}
	return g
}

// command prepares a start, under strace if that has a path: it writes to the runner's file trace.
func (m mode) command(ctx context.Context, strace string, g *spot, options ...string) *exec.Cmd {
	args := []string{g.worker, "-c", program(g.temp)}
	if strace != "" {
		if g.name != "" {
			options = append(options, "-u", g.name) // strace itself stays root's, else the capability would not count
		}
		args = slices.Concat([]string{strace, "-o", g.trace()}, options, []string{"--"}, args)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	start := command(m.settings, "")
	cmd.Env, cmd.Dir, cmd.WaitDelay = start.Env, "/", time.Second
	if m.docker {
		cmd.Env = append(cmd.Env, "DOCKER_HOST=unix://"+g.socket())
	} else {
		cmd.Env = append(cmd.Env, "WORKER_WRAP_DOCKER=off")
	}
	if m.user || m.capable && strace == "" {
		cmd.SysProcAttr = start.SysProcAttr
		cmd.SysProcAttr.Credential.Uid, cmd.SysProcAttr.Credential.Gid = uint32(g.uid), uint32(g.uid)
	}
	return cmd
}

func (s scratch) trace() string { return filepath.Join(s.root, "trace") }

// trace makes a start without a fault and returns what it called.
func (m mode) trace(t *testing.T, strace string, g *spot) trace {
	t.Helper()
	g.leave(t)
	cmd := m.command(context.Background(), strace, g, "-f")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	isOnHost(g.temp)
	return readTrace(t, g.trace())
}

// modeFault is a fault of a mode.
type modeFault struct {
	fault
	// luck is true where not every start comes to this call: it can be one of those made for the list of the machine's
	// processes or for each of them. It can be a thread's other than the main one, to which Go gives work. Or the trace
	// has one of its name twice, as a signal came; or another start did without.
	luck bool
}

// faults chooses what is made to fail of the calls of a start, by those of another one of the same kind.
func (m mode) faults(t *testing.T, tr, another trace, usual []string, way int) (out []modeFault) {
	t.Helper()
	calls := slices.Clone(tr.calls[tr.main])
	mains := len(calls)
	if m.follow {
		calls = append(calls, tr.beside()...)
	}
	for i, c := range calls {
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
		for _, errno := range thinned(c, list, usual, way) {
			f := modeFault{fault{c, errno, false}, i >= mains || m.looks() && c.nth > 2 || tr.restarted[c.name] || c.nth > another.count[another.main][c.name]}
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// leave makes each start like the one that was traced: it finds what the function of this name leaves, and nothing that
// an earlier one has made.
func (g *spot) leave(t *testing.T) {
	g.keep(t)
	beside := perpid.Path(g.temp)
	for _, path := range []string{filepath.Join(beside, perpid.ClaimName), beside, filepath.Join(g.root, "_diag", events.FileName)} {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
	leave(t, g.store, g.temp)
	for _, path := range append(entries(t, g.store), ".") {
		err := os.Lchown(filepath.Join(g.store, path), g.uid, g.uid)
		if err != nil && !os.IsNotExist(err) { // the sweep of an earlier start may still delete
			t.Error(err)
		}
	}
}

func (g *spot) kept() string { return filepath.Join(g.root, "kept") }

// keep puts what is left of starts where no start finds it.
func (g *spot) keep(t *testing.T) {
	for _, store := range perpid.Paths(g.root, g.temp) {
		g.move(t, store, g.kept())
	}
}

func (g *spot) move(t *testing.T, from, to string) {
	list, err := os.ReadDir(from)
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		t.Error(err)
	}
	for _, entry := range list {
		if entry.Name() == perpid.ClaimName {
			continue
		}
		// Unlike os.Rename this replaces an empty folder, such as that of leave.
		err := unix.Rename(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
		if err != nil && !os.IsNotExist(err) { // the sweep of an earlier start may still delete
			t.Error(err)
		}
	}
}

// inject makes a start with a fault.
func (m mode) inject(t *testing.T, strace string, g *spot, f fault) (string, error) {
	if m.docker {
		g.gone(t, "before a fault") // the last start's proxy sweeps
	}
	g.leave(t)
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	options := f.options()
	if m.follow {
		options = append(options, "-f")
	}
	cmd := m.command(ctx, strace, g, options...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	e := ending{code: cmd.ProcessState.ExitCode(), out: out.String(), err: stderr.String(), onHost: isOnHost(g.temp), hung: ctx.Err() != nil, supervised: m.user}
	if !e.hung && !readTrace(t, g.trace()).struck {
		return missed, nil
	}
	return e.allowed(m.allowed...)
}

// TestLookAtAnotherFailing: a Worker with ISOLATE=overlap that cannot find out whether another process is one does
// not take the plain _temp. That a file of /proc is not there means that the process has ended.
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

// missed is the outcome of a fault that did not happen, or happened to the program.
const missed = "missed"

// errnosOfModes are those of calls that only some modes make, and of those that must not have all that errnos
// has: that a file of another process's in /proc is not there means that the process has ended.
var errnosOfModes = map[string][]string{
	"bind":        {"EADDRINUSE", "EACCES", "EROFS"},
	"capget":      {"EPERM"},
	"capset":      {"EPERM"},
	"chdir":       {"EACCES"},
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
	"setxattr":    {"EPERM", "ENOSPC", "EOPNOTSUPP"},
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
