package starts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// errnos are those that each system call of a start is made to fail with: what its man page lists and a
// runner's machine can bring about, and what seccomp filters and old kernels answer. EINTR is in where
// the call must be tried again.
var errnos = map[string][]string{
	"capget":        {"EPERM"},
	"close":         {}, // nothing can be done, and nothing is
	"eventfd2":      {"EMFILE"},
	"execve":        {"ENOENT", "EACCES", "ENOEXEC", "ENOMEM", "EPERM", "ETXTBSY", "E2BIG", "EAGAIN", "EIO", "EMFILE", "ELOOP", "EISDIR", "ELIBBAD"},
	"faccessat":     {"EACCES", "EROFS", "EIO"},
	"faccessat2":    {"EACCES", "ENOSYS"},
	"fgetxattr":     {"EPERM", "EIO"},
	"fchmod":        {"EPERM", "EROFS", "EIO"},
	"fchown":        {"EPERM", "EROFS", "EDQUOT"},
	"fcntl":         {"EMFILE"},
	"fstat":         {"EIO"},
	"fstatfs":       {"ENOSYS", "EIO"},
	"getcwd":        {"ENOENT", "EACCES", "ENOMEM"},
	"getdents64":    {"EIO"},
	"getrlimit":     {"EINVAL"},
	"getxattr":      {"ENODATA", "EOPNOTSUPP", "EPERM", "EIO"},
	"statfs":        {"EACCES", "EIO", "ENOSYS"},
	"kill":          {"EPERM"},
	"mkdirat":       {"EACCES", "EDQUOT", "ENOSPC", "EROFS", "EMLINK", "EEXIST", "EIO", "EPERM", "ENOENT"},
	"mount":         {"EPERM", "ENOMEM"},
	"mount_setattr": {"EPERM", "ENOSYS", "EINVAL", "ENOMEM"},
	"move_mount":    {"EPERM", "EINVAL", "ENOENT", "ENOSPC", "ENOSYS", "EACCES", "EBUSY"},
	"newfstatat":    {"EACCES", "EIO", "ENOENT", "ELOOP"},
	"open":          {"EACCES", "EMFILE", "ENFILE", "EIO", "EINTR"},
	"open_tree":     {"EPERM", "EINVAL", "ENOSYS", "EMFILE", "ENOMEM"},
	"openat2":       {"EACCES", "EMFILE", "ENFILE", "EIO", "ELOOP", "EINTR", "ENOENT", "ENOSYS", "EPERM", "EAGAIN", "EXDEV", "ENOMEM"},
	"openat":        {"EACCES", "EMFILE", "ENFILE", "EIO", "ELOOP", "EINTR", "ENOENT"},
	"pread64":       {"EIO"},
	"read":          {"EIO"},
	"readlinkat":    {"EACCES", "ENOENT"},
	"renameat2":     {"EACCES", "EROFS", "EINVAL", "ENOENT"},
	"statx":         {"ENOSYS", "EIO", "EINTR"},
	"unlinkat":      {"EACCES", "EROFS", "EBUSY", "ENOTEMPTY"},
	"unshare":       {"EPERM", "ENOSPC", "ENOMEM", "EINVAL", "EINTR", "EUSERS"},
	"write":         {"ENOSPC", "EIO", "EPIPE", "EAGAIN", "EFBIG", "EDQUOT"},
}

// runtimeCalls are made by Go's runtime on its own account, at times of its own. It ends the process with a message of
// its own, or goes on, if they fail.
var runtimeCalls = []string{
	"clone", "clone3", "epoll_create1", "epoll_ctl", "epoll_pwait", "futex", "gettid", "getpid", "madvise", "mmap", "munmap", "nanosleep",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "sigaltstack", "tgkill", "timer_create",
	"timer_settime", "timer_delete", "getrandom", "clock_gettime", "getuid", "geteuid", "getgid", "getegid", "prlimit64", "arch_prctl",
	"exit_group", "prctl", "restart_syscall",
}

// call is the nth invocation of a system call by one thread of the shim, counted from its start.
type call struct {
	name string
	nth  int
}

// fault is one call that fails, or from which on all of its name do.
type fault struct {
	call
	errno string
	on    bool
}

func (f fault) String() string {
	if f.on {
		return fmt.Sprintf("%s fails with %s from no. %d on", f.name, f.errno, f.nth)
	}
	return fmt.Sprintf("%s no. %d fails with %s", f.name, f.nth, f.errno)
}

// options are strace's. The execve that starts the program shows where the faults are no longer the shim's.
func (f fault) options() []string {
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d", f.name, f.errno, f.nth)
	if f.on {
		inject += "+"
	}
	return []string{"-e", "trace=execve," + f.name, "-e", inject}
}

// lasting are faults that do not go away, of calls that the program does not make.
var lasting = map[string][]string{
	"mkdirat":       {"EEXIST", "ENOSPC"},
	"mount_setattr": {"ENOSYS", "EPERM"},
	"move_mount":    {"ENOENT", "EBUSY", "ENOSYS"}, // the first as long as a start looks for what has vanished
	"open_tree":     {"ENOSYS", "EMFILE"},
	"openat2":       {"ENOENT", "ENOSYS", "EMFILE"},
	"unlinkat":      {"EROFS"},
	"getdents64":    {"EIO"},
	"fcntl":         {"EMFILE"},
}

// TestEachCallFailing makes every system call of a start fail, and of a start by hand its own, with the errnos that
// thinned chooses. The start must end with exit code 125 and one line, or, if there is a step down, with an isolated
// program: never with one that is not, and never with something left mounted on the host.
func TestEachCallFailing(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	binary := testkit.Binary(t)
	t.Setenv("WORKER_WRAP_FALLBACK", "none") // else one that is alone would run in the plain _temp
	type job struct {
		way string
		fault
	}
	ways := map[string]func(t *testing.T) (argv []string, store, temp string){
		"worker": func(t *testing.T) ([]string, string, string) {
			root, path := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
			return []string{path}, filepath.Join(root, perpid.StoreName), filepath.Join(root, "_work", "_temp")
		},
		// A script, since after ENOEXEC the shell is to run it.
		"command": func(t *testing.T) ([]string, string, string) {
			dir := testkit.Dir(t)
			script := filepath.Join(dir, "script")
			do(t, os.WriteFile(script, []byte("#!/bin/sh\neval \"$2\"\n"), 0o755))
			return []string{binary, "--temp", filepath.Join(dir, "_temp"), "--", script}, filepath.Join(dir, perpid.StoreName), filepath.Join(dir, "_temp")
		},
	}
	var jobs []job
	var unknown, usual []string
	for _, way := range []string{"worker", "command"} {
		argv, store, temp := ways[way](t)
		leave(t, store, temp)
		log := filepath.Join(t.TempDir(), "trace")
		cmd := exec.Command(strace, append(append([]string{"-o", log, "--"}, argv...), "-c", ":")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		tr := readTrace(t, log)
		for i, c := range tr.calls[tr.main] {
			list, known := errnos[c.name]
			if !known && !slices.Contains(unknown, c.name) {
				unknown = append(unknown, c.name)
			}
			for _, errno := range thinned(c, list, usual, 0) {
				jobs = append(jobs, job{way, fault{c, errno, false}})
			}
			if way == "worker" && !slices.ContainsFunc(tr.calls[tr.main][:i], func(before call) bool { return before.name == c.name }) {
				for _, errno := range lasting[c.name] {
					jobs = append(jobs, job{way, fault{c, errno, true}})
				}
			}
		}
		usual = append(usual, tr.names()...)
	}
	if len(unknown) > 0 {
		t.Errorf("a start makes calls for which this test names no errors: %v", unknown)
	}
	if len(jobs) < 150 {
		t.Fatalf("only %d faults to inject: the trace cannot have been understood", len(jobs))
	}
	before := hostMounts(t)
	queue := make(chan job)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for range runtime.NumCPU() {
		log := filepath.Join(t.TempDir(), "trace")
		wg.Go(func() {
			for j := range queue {
				argv, store, temp := ways[j.way](t)
				leave(t, store, temp)
				got, err := inject(t, strace, j.fault, argv, temp, log)
				mu.Lock()
				outcomes[got]++
				mu.Unlock()
				if err != nil {
					t.Errorf("%s: %v: %v", j.way, j.fault, err)
				}
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
	t.Logf("%d faults: %v", len(jobs), outcomes)
	sameMounts(t, before)
}

// allFaultsVar, when it is set, has each call fail with each errno in every way to start, which takes half an hour.
const allFaultsVar = "WORKER_WRAP_TEST_ALL_FAULTS"

// thinned returns those errnos that a call fails with: the first two of a name with all, later ones with one in turn.
// Of those in usual, which another way to start has fail so, it is one in every eighth place, in another one for each
// way; of the first calls each third. With allFaultsVar set it is all of them.
func thinned(c call, list, usual []string, way int) []string {
	switch {
	case len(list) == 0 || os.Getenv(allFaultsVar) != "":
		return list
	case !slices.Contains(usual, c.name):
		if c.nth <= 2 {
			return list
		}
		return list[c.nth%len(list):][:1]
	case c.nth > 1 && (c.nth+way)%8 != 0, c.nth == 1 && (len(c.name)+way)%3 != 0:
		return nil
	default:
		return list[(c.nth/4+way)%len(list):][:1]
	}
}

// leave puts what a dead Worker left into the store beside temp, so that a start has something to tidy.
func leave(t *testing.T, store, temp string) {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o.Start++
	if err := os.MkdirAll(filepath.Join(store, o.String()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
}

// inject runs a start with one fault and says how it ended.
func inject(t *testing.T, strace string, f fault, argv []string, temp, log string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
	args := append(append([]string{"-o", log}, f.options()...), "--")
	cmd := exec.CommandContext(ctx, strace, append(append(args, argv...), "-c", program(temp))...)
	cmd.WaitDelay = time.Second
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	e := ending{code: cmd.ProcessState.ExitCode(), out: out.String(), err: stderr.String(), onHost: isOnHost(temp), hung: ctx.Err() != nil}
	if !readTrace(t, log).struck {
		return missed, errors.New("it does not happen")
	}
	return e.allowed(isolated, refused)
}

func hostMounts(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sameMounts demands that the host's mounts are what they were.
func sameMounts(t *testing.T, before string) {
	t.Helper()
	if after := hostMounts(t); after != before {
		t.Errorf("the host's mounts before:\n%s\nand after:\n%s", before, after)
	}
}
