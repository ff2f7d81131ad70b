package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// A refusal is a way in which a Worker's start ends without a Worker.
type refusal struct {
	name     string
	prepare  func(*testing.T, scratch)
	settings []string
	code     int
	says     string
	users    []string // those of listenerUsers for whom it is one; all where nil
	isolated bool     // it is one only where the start is to isolate a lone Worker
}

// install has the runner start its Workers as an install does: by an entry, and alone where they are.
func (s scratch) install(t *testing.T, shim string) (settings []string) {
	t.Helper()
	text, ok := runner.Entry(shim)
	if !ok {
		t.Fatalf("no entry can start %s", shim)
	}
	must(t, os.Remove(s.worker))
	must(t, os.WriteFile(s.worker, []byte(text), 0o755))
	return []string{"ISOLATE=alone"}
}

// listenerUsers are whom the Listener starts its Workers as, and which worker-wrap these have.
func listenerUsers(t *testing.T) map[string]struct {
	sys  *syscall.SysProcAttr
	shim string
} {
	type as = struct {
		sys  *syscall.SysProcAttr
		shim string
	}
	ordinary := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, Groups: []uint32{group}}}
	return map[string]as{"root": {nil, testkit.Binary(t)}, "bare": {ordinary, testkit.Binary(t)}, "capable": {ordinary, capable(t)}}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noStore makes isolation impossible for everybody.
func noStore(t *testing.T, s scratch) {
	for _, store := range perpid.Paths(s.root, s.temp) {
		must(t, os.WriteFile(store, nil, 0o644))
		must(t, os.Lchown(store, user, user))
	}
}

// instead makes the Listener start a shell script, with $1 as the shim's path, that prepares what the shim finds.
func instead(script string) func(*testing.T, scratch) {
	return func(t *testing.T, s scratch) {
		aside := filepath.Join(s.root, "bin.shim")
		must(t, os.Mkdir(aside, 0o755))
		must(t, os.Link(filepath.Join(filepath.Dir(s.worker), runner.RealWorkerName), filepath.Join(aside, runner.RealWorkerName)))
		shim := filepath.Join(aside, runner.WorkerName)
		must(t, os.Rename(s.worker, shim))
		must(t, os.WriteFile(s.worker, fmt.Appendf(nil, "#!/bin/sh\n%s\nexec %s \"$@\"\n", script, shim), 0o755))
	}
}

// refusals are all of them, but for those of mistakes.
func refusals() []refusal {
	privileged := []string{"root", "capable"}
	real := func(s scratch) string { return filepath.Join(filepath.Dir(s.worker), runner.RealWorkerName) }
	remove := func(t *testing.T, s scratch) { must(t, os.Remove(real(s))) }
	closed := func(t *testing.T, s scratch) { must(t, os.Chmod(real(s), 0o644)) }
	return []refusal{
		{name: "a bad setting", settings: []string{"LOG=1"}, code: 125, says: "WORKER_WRAP_LOG"},
		{name: "no configured runner", prepare: func(t *testing.T, s scratch) { must(t, os.Remove(filepath.Join(s.root, ".runner"))) }, code: 125, says: "run config.sh"},
		{name: "no isolation", prepare: noStore, settings: []string{"FALLBACK=none"}, code: 125, says: "could not be isolated", isolated: true},
		{name: "no privilege", settings: []string{"FALLBACK=none"}, code: 125, says: "it needs root, or a file capability", users: []string{"bare"}, isolated: true},
		{name: "_work is root's", prepare: func(t *testing.T, s scratch) {
			must(t, os.Chown(filepath.Dir(s.temp), 0, 0))
			must(t, os.Chown(s.temp, 0, 0))
		}, settings: []string{"FALLBACK=none"}, code: 125, says: "_work", users: []string{"capable"}, isolated: true},
		{name: "beside another", prepare: func(t *testing.T, s scratch) { noStore(t, s); s.unwrapped(t) }, settings: []string{"FALLBACK=none"}, code: 125, says: "could not be isolated"},
		{name: "a wait that ran out", prepare: func(t *testing.T, s scratch) { noStore(t, s); s.unwrapped(t) }, settings: []string{"FALLBACK=wait", "WAIT=1s"}, code: 125, says: "could not be isolated"},
		{name: "no Worker", prepare: remove, code: 127, says: "Runner.Worker.real is not there", users: privileged},
		{name: "a Worker that may not be run", prepare: closed, code: 126, says: "chmod +x", users: privileged},
		{name: "a folder as Worker", prepare: func(t *testing.T, s scratch) { remove(t, s); must(t, os.Mkdir(real(s), 0o755)) }, code: 126, says: "is not a file", users: privileged},
		{name: "no user namespace", prepare: noStore, settings: []string{"USERNS=1", "FALLBACK=none"}, code: 125, says: "could not be isolated", isolated: true},
		{name: "no Worker in a user namespace", prepare: remove, settings: []string{"USERNS=1"}, code: 127, says: "Runner.Worker.real is not there"},
		{name: "a Worker that may not be run in a user namespace", prepare: closed, settings: []string{"USERNS=1"}, code: 126, says: "chmod +x"},
		{name: "a process that dies in its user namespace", prepare: testWorker("kill"), settings: []string{"USERNS=1", "FALLBACK=none"}, code: 125, says: "ended at once", users: []string{"bare"}, isolated: true},
		{name: "no memory", prepare: instead("ulimit -v 100000"), code: 125, says: "the kernel refused a thread or memory", isolated: true},
		{name: "no threads", prepare: instead("ulimit -p 1"), code: 125, says: "the kernel refused a thread or memory", users: []string{"bare"}},
	}
}

// TestRefusalFailsTheJob: however a Worker's start ends without a Worker, the Listener can write the job's message: so
// the job fails and its page has the reason. The message is held back until the shim has nothing left to do but to take
// it. A shim that does not has ended by then, and its job hangs.
func TestRefusalFailsTheJob(t *testing.T) {
	testkit.RequireRoot(t)
	for who, as := range listenerUsers(t) {
		for _, c := range refusals() {
			if c.users != nil && !slices.Contains(c.users, who) {
				continue
			}
			t.Run(who+"/"+c.name, func(t *testing.T) {
				s := ordinary(t, as.shim)
				c.failsTheJob(t, s, as.sys)
			})
			if c.isolated {
				continue
			}
			t.Run(who+"/installed/"+c.name, func(t *testing.T) {
				s := ordinary(t, as.shim)
				c.failsTheJob(t, s, as.sys, s.install(t, as.shim)...)
			})
		}
	}
}

// failsTheJob has a Listener start a Worker for which this holds, and looks at the job.
func (c refusal) failsTheJob(t *testing.T, s scratch, sys *syscall.SysProcAttr, settings ...string) {
	t.Helper()
	if c.prepare != nil {
		c.prepare(t, s)
	}
	l := s.listener(t, sys, slices.Concat(settings, c.settings)...)
	release := make(chan struct{})
	l.Release = release
	w := dispatch(t, l, standin.Job{Body: make([]byte, 1<<20)})
	takesOrEnds(t, w.PID)
	close(release)
	r := w.Wait()
	if r.Code != c.code || r.State != standin.Completed || !strings.Contains(r.Shown, c.says) || strings.Count(r.Shown, "\n") != 0 {
		t.Errorf("the job is %v after exit code %d (signal %d, %v), with %q on its page; the Worker wrote %q", r.State, r.Code, r.Signal, r.Err, r.Shown, r.Kept)
	}
}

// TestRefusalOfEachSize: the Listener writes what a pipe holds, more and less; and one that is warm does so at once.
func TestRefusalOfEachSize(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	l := s.listener(t, nil, "LOG=1")
	for _, size := range []int{0, 1, 64 << 10, 1 << 20} { // the first one cold
		if r := dispatch(t, l, standin.Job{Body: make([]byte, size)}).Wait(); r.State != standin.Completed || !strings.Contains(r.Shown, "WORKER_WRAP_LOG") {
			t.Errorf("%d bytes: the job is %v (%v), with %q on its page", size, r.State, r.Err, r.Shown)
		}
	}
}

// TestSignalEndsTheTaking: who wants an end gets it.
func TestSignalEndsTheTaking(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGKILL, unix.SIGQUIT, unix.SIGABRT} {
		l := s.listener(t, nil, "LOG=1")
		release := make(chan struct{})
		l.Release = release
		w := dispatch(t, l, standin.Job{})
		takesOrEnds(t, w.PID)
		must(t, unix.Kill(w.PID, sig))
		takesOrEnds(t, w.PID, "ends")
		close(release)
		r := w.Wait()
		spoken := sig == unix.SIGQUIT || sig == unix.SIGABRT // Go's runtime says so, and exits
		if r.State != standin.Hung || !spoken && r.Signal != sig || spoken && r.Code != 125 {
			t.Errorf("after signal %d it ended by %d with %d, and the job is %v", sig, r.Signal, r.Code, r.State)
		}
	}
}

// listener is a Listener of the runner, which starts its Workers as sys says.
func (s scratch) listener(t *testing.T, sys *syscall.SysProcAttr, settings ...string) *standin.Listener {
	t.Helper()
	l := &standin.Listener{Root: s.root, Sys: sys, Env: []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}}
	for _, setting := range settings {
		l.Env = append(l.Env, "WORKER_WRAP_"+setting)
	}
	t.Cleanup(func() { must(t, l.Close()) })
	return l
}

// dispatch starts a Worker, which ends with the test.
func dispatch(t *testing.T, l *standin.Listener, job standin.Job) *standin.Worker {
	t.Helper()
	w, err := l.Start(job)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Abort)
	return w
}

// takesOrEnds waits until a process has begun to wait for a job's message, or has ended; with "ends" for that only.
// Of all that a start does only the taking calls ppoll(2) on amd64.
func takesOrEnds(t *testing.T, pid int, only ...string) {
	t.Helper()
	eventually(t, func() error {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return nil
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if f := strings.Fields(rest); f[0] == "Z" && f[17] == "1" { // no other thread keeps the pipe open
			return nil
		}
		calls, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
		for _, path := range calls {
			call, _ := os.ReadFile(path)
			if only == nil && strings.HasPrefix(string(call), itoa(unix.SYS_PPOLL)+" ") {
				return nil
			}
		}
		return fmt.Errorf("process %d neither takes a message nor ends", pid)
	})
}
