package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// The runners' user, whose ids are nobody's.
const user = 61333

// host is a runner, one of two that share a work folder.
type host struct{ name, root, entry string }

// world is where the Workers live.
type world struct {
	dir     string
	temp    string // the plain one, of both runners
	runners []*host
	shim    string
	old     string // worker-wrap of an older build

	alive []*worker
	next  int
}

// kind is a way to start a Worker.
type kind struct {
	name  string
	env   []string
	plain bool // it goes into the plain _temp whoever is there, so it is started only if nobody is
	apart bool // no other starts meanwhile
	blind bool // it knows of the Workers of its own runner only
	far   bool // in a PID namespace of its own
	// alone says that it is in the plain _temp if nobody else is.
	alone bool
	start func(w *world, n *worker, argv []string) error
}

const aloneVar = "WORKER_WRAP_ISOLATE=alone"

// kinds are all ways, some more than once, as they are to come more often.
var kinds = []*kind{
	lone, lone, lone,
	{name: "always", env: []string{"WORKER_WRAP_ISOLATE=always"}, start: child},
	{name: "orphan", env: []string{aloneVar}, alone: true, start: orphan},
	{name: "unwrapped", plain: true, apart: true, blind: true, start: unwrapped},
	{name: "old", apart: true, blind: true, env: []string{"WORKER_WRAP_ISOLATE=overlap"}, start: oldBuild},
	{name: "old-always", apart: true, blind: true, start: oldBuild},
	{name: "fallback", env: []string{"WORKER_WRAP_FALLBACK=run", "WORKER_WRAP_ISOLATE=always"}, plain: true, start: unprivileged},
	{name: "inner", apart: true, env: []string{aloneVar}, start: inner},
	container, container,
}

var (
	lone      = &kind{name: "lone", env: []string{aloneVar}, alone: true, start: child}
	container = &kind{name: "container", env: []string{aloneVar}, alone: true, far: true, start: contained}
)

func newWorld(t *testing.T) *world {
	t.Helper()
	testkit.RequireRoot(t)
	w := &world{dir: testkit.Dir(t), shim: filepath.Join(testkit.Dir(t), "lib/worker-wrap/worker-wrap")} // as an install has it
	err := errors.Join(os.MkdirAll(filepath.Dir(w.shim), 0o755), os.Rename(testkit.Capable(t), w.shim))
	for _, name := range []string{"one", "two"} {
		root, entry := testkit.Runner(t, filepath.Join(w.dir, name), w.shim, "/bin/sh")
		w.runners = append(w.runners, &host{name, root, entry})
	}
	work := filepath.Join(w.runners[0].root, "_work")
	w.temp = filepath.Join(work, "_temp")
	err = errors.Join(err, os.MkdirAll(w.temp, 0o755),
		os.WriteFile(filepath.Join(w.runners[1].root, ".runner"), []byte(`{"workFolder": "`+work+`"}`), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, w.dir, user)
	t.Cleanup(func() {
		for _, n := range w.alive {
			_ = n.end(true)
		}
	})
	return w
}

// oldBinary builds worker-wrap as it was before the work folder was locked.
func oldBinary(t *testing.T) string {
	t.Helper()
	const commit = "32fc4a2"
	dir := testkit.Dir(t)
	script := `git -c safe.directory="$0" -C "$0" archive ` + commit + ` | tar -x -C "$1" && "$1/scripts/build" -o "$1/worker-wrap"`
	if out, err := exec.Command("/bin/bash", "-o", "pipefail", "-c", script, testkit.Root(), dir).CombinedOutput(); err != nil {
		testkit.Skip(t, "worker-wrap at %s cannot be built: %v\n%s", commit, err, out)
	}
	path := filepath.Join(dir, "worker-wrap")
	testkit.GiveCapability(t, path)
	var value [64]byte
	n, err := unix.Getxattr(path, "security.capability", value[:])
	value[0] |= 1 // effective, as that build was installed: it raises nothing (VFS_CAP_FLAGS_EFFECTIVE)
	if err = errors.Join(err, unix.Setxattr(path, "security.capability", value[:max(n, 0)], 0)); err != nil {
		t.Fatal(err)
	}
	return path
}

// argv is the command line by which a Worker is started as the runners' user.
func argv(k *kind, at *host, options ...string) []string {
	id := strconv.Itoa(user)
	words := append(testkit.UserWords(id, id, options...), "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	return append(append(words, k.env...), at.entry)
}

func child(_ *world, n *worker, argv []string) error { return n.begin(argv, "") }

// orphan starts it by a process that has ended when the Worker is up.
func orphan(_ *world, n *worker, argv []string) error {
	return n.begin(append([]string{"sh", "-c", `exec 3<&0; "$@" <&3 3<&- &`, "sh"}, argv...), "")
}

// unwrapped starts it as before an install.
func unwrapped(w *world, n *worker, _ []string) error {
	real, kept := filepath.Join(filepath.Dir(n.at.entry), runner.RealWorkerName), filepath.Join(filepath.Dir(n.at.entry), runner.KeptWorkerName)
	if err := errors.Join(os.Remove(n.at.entry), os.Rename(real, n.at.entry)); err != nil {
		return err
	}
	if err := os.Remove(kept); err != nil && !errors.Is(err, os.ErrNotExist) { // an install before has made it
		return err
	}
	id := strconv.Itoa(user)
	err := n.begin(append(testkit.UserWords(id, id), n.at.entry), "")
	return errors.Join(err, w.install(n.at))
}

// oldBuild starts it as before an upgrade.
func oldBuild(w *world, n *worker, argv []string) error {
	err := errors.Join(os.Symlink(w.old, n.at.entry+".new"), os.Rename(n.at.entry+".new", n.at.entry), n.begin(argv, ""))
	return errors.Join(err, w.install(n.at))
}

// install is what a person does while jobs run.
func (w *world) install(at *host) error {
	out, err := exec.Command(w.shim, "install", "--bin-only", "--force", "--runner-root", at.root).CombinedOutput()
	if err != nil {
		return fmt.Errorf("install: %w: %s", err, out)
	}
	return nil
}

// unprivileged starts it where it can mount nothing.
func unprivileged(_ *world, n *worker, _ []string) error {
	return n.begin(argv(n.kind, n.at, "--no-new-privs"), "")
}

// inner starts it from a job of the other runner with a _temp of its own, as a runner that the job has started. There the
// entry of the job's own runner is that runner's real Worker, see package mounts.
func inner(w *world, n *worker, argv []string) error {
	var jobs []*worker
	for _, other := range w.alive {
		if !w.isPlain(other) && other.at != n.at && other.job == nil && !other.kind.far { // not in a container, with whose first process all others end
			jobs = append(jobs, other)
		}
	}
	if len(jobs) == 0 {
		return errNotNow
	}
	job := jobs[len(jobs)/2]
	// Without setpriv: the job is the user's already.
	return n.beginIn(job, argv[slices.Index(argv, "env"):], w.dir)
}

var errNotNow = errors.New("not now")

// contained starts it in mount and PID namespaces of its own, as in a container with the work folder as a volume.
func contained(_ *world, n *worker, argv []string) error {
	return n.begin(append([]string{
		"unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
		// Its process 1 stays root's: a change of the user takes the order to end with unshare away.
		"sh", "-c", `exec 3<&0; "$@" <&3 3<&- & exec 3<&- 0<&-; wait $!`, "sh",
	}, argv...), "")
}

// isPlain reports whether the Worker's _temp is the plain one: that has its file.
func (w *world) isPlain(n *worker) bool {
	_, err := os.Lstat(filepath.Join(w.temp, n.id))
	return err == nil
}

// plain is the living Worker that is in the plain _temp.
func (w *world) plain() *worker {
	for _, n := range w.alive {
		if w.isPlain(n) {
			return n
		}
	}
	return nil
}

// killKeeper kills what keeps a Worker's locks, and reports whether anything did.
func killKeeper(n *worker) bool {
	infos, _ := filepath.Glob("/proc/[0-9]*/fdinfo/[0-9]*")
	for _, info := range infos {
		text, err := os.ReadFile(info)
		if err != nil || !bytes.Contains(text, fmt.Appendf(nil, "\nPid:\t%d\n", n.pid)) {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(info, "/")[2])
		if name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(name) == "worker-wrap\n" || string(name) == "keeper-ww\n" {
			return unix.Kill(pid, unix.SIGKILL) == nil
		}
	}
	return false
}
