package shim_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// errnos are those that each system call of a start is made to fail with: what its man page lists and a
// runner's machine can bring about, and what seccomp filters and old kernels answer. EINTR is in where
// the call must be tried again.
var errnos = map[string][]string{
	"close":         {}, // nothing can be done, and nothing is
	"eventfd2":      {"EMFILE"},
	"execve":        {"ENOENT", "EACCES", "ENOEXEC", "ENOMEM", "EPERM", "ETXTBSY"},
	"faccessat2":    {"EACCES", "ENOSYS"},
	"fgetxattr":     {"EPERM", "EIO"},
	"fchmod":        {"EPERM", "EROFS", "EIO"},
	"fchown":        {"EPERM", "EROFS", "EDQUOT"},
	"fcntl":         {"EMFILE"},
	"fstat":         {"EIO"},
	"fstatfs":       {"ENOSYS", "EIO"},
	"getdents64":    {"EIO"},
	"getrlimit":     {"EINVAL"},
	"getxattr":      {"ENODATA", "EOPNOTSUPP", "EPERM", "EIO"},
	"statfs":        {"EACCES", "EIO", "ENOSYS"},
	"kill":          {"EPERM"},
	"mkdirat":       {"EACCES", "EDQUOT", "ENOSPC", "EROFS", "EMLINK", "EEXIST"},
	"mount":         {"EPERM", "ENOMEM"},
	"mount_setattr": {"EPERM", "ENOSYS", "EINVAL", "ENOMEM"},
	"move_mount":    {"EPERM", "EINVAL", "ENOENT", "ENOSPC", "ENOSYS", "EACCES", "EBUSY"},
	"newfstatat":    {"EACCES", "EIO", "ENOENT", "ELOOP"},
	"open":          {"EACCES", "EMFILE", "ENFILE", "EIO", "EINTR"},
	"open_tree":     {"EPERM", "EINVAL", "ENOSYS", "EMFILE", "ENOMEM"},
	"openat2":       {"EACCES", "EMFILE", "ENFILE", "EIO", "ELOOP", "EINTR", "ENOENT", "ENOSYS", "EPERM"},
	"openat":        {"EACCES", "EMFILE", "ENFILE", "EIO", "ELOOP", "EINTR", "ENOENT"},
	"pread64":       {"EIO"},
	"read":          {"EIO"},
	"readlinkat":    {"EACCES", "ENOENT"},
	"statx":         {"ENOSYS", "EIO", "EINTR"},
	"unlinkat":      {"EACCES", "EROFS", "EBUSY", "ENOTEMPTY"},
	"unshare":       {"EPERM", "ENOSPC", "ENOMEM", "EINVAL", "EINTR"},
	"write":         {"ENOSPC", "EIO", "EPIPE"},
}

// runtimeCalls are made by Go's runtime on its own account, at times of its own. It ends the process with
// a message of its own, or goes on, where they fail.
var runtimeCalls = []string{
	"clone", "clone3", "epoll_create1", "epoll_ctl", "epoll_pwait", "futex", "gettid", "getpid", "madvise", "mmap", "munmap", "nanosleep",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "sigaltstack", "tgkill", "timer_create",
	"timer_settime", "timer_delete", "getrandom", "clock_gettime", "getuid", "geteuid", "getgid", "getegid", "prlimit64", "fcntl", "arch_prctl",
	"exit_group", "prctl", "restart_syscall",
}

// call is the nth invocation of a system call by the shim's main thread, counted from its start.
type call struct {
	name string
	nth  int
}

var (
	callLine  = regexp.MustCompile(`^(\w+)\(`)
	execLines = regexp.MustCompile(`^execve\("([^"]*)"`)
)

// startCalls traces a start, and returns what its main thread called between the point where the runtime
// gives control to the shim and the program's execve, that included.
func startCalls(t *testing.T, strace string, argv []string) []call {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	cmd := exec.Command(strace, append([]string{"-o", log, "--"}, argv...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	var calls []call
	limits, execs := 0, 0
	for line := range strings.Lines(string(trace)) {
		m := callLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		count[m[1]]++
		if m[1] == "prlimit64" && strings.Contains(line, "RLIMIT_NOFILE, {") {
			limits++ // entry lowers the limit, package os raises it, origin puts it back
		}
		if limits >= 3 && !slices.Contains(runtimeCalls, m[1]) {
			calls = append(calls, call{m[1], count[m[1]]})
		}
		if execLines.MatchString(line) {
			if execs++; execs == 2 {
				return calls
			}
		}
	}
	t.Fatalf("the trace shows no start of the program:\n%s", trace)
	return nil
}

// TestEachCallFailing makes every system call of a start fail in every way it can. The start must end
// with exit code 125 and one line, or, where there is a step down, with an isolated program: never with one
// that is not, and never with something left mounted on the host.
func TestEachCallFailing(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	binary := testkit.Binary(t)
	type job struct {
		way string
		call
		errno string
	}
	ways := map[string]func(t *testing.T) (argv []string, temp string){
		"worker": func(t *testing.T) ([]string, string) {
			root, path := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
			return []string{path}, filepath.Join(root, "_work", "_temp")
		},
		"command": func(t *testing.T) ([]string, string) {
			temp := filepath.Join(testkit.Dir(t), "_temp")
			return []string{binary, "--temp", temp, "--", "/bin/sh"}, temp
		},
	}
	var jobs []job
	var unknown []string
	for way, prepare := range ways {
		argv, temp := prepare(t)
		leave(t, temp)
		for _, c := range startCalls(t, strace, append(argv, "-c", ":")) {
			list, known := errnos[c.name]
			if !known && !slices.Contains(unknown, c.name) {
				unknown = append(unknown, c.name)
			}
			for _, errno := range list {
				jobs = append(jobs, job{way, c, errno})
			}
		}
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
		wg.Go(func() {
			for j := range queue {
				argv, temp := ways[j.way](t)
				leave(t, temp)
				got, err := inject(strace, j.call, j.errno, argv, temp)
				mu.Lock()
				outcomes[got]++
				mu.Unlock()
				if err != nil {
					t.Errorf("%s: %s no. %d fails with %s: %v", j.way, j.name, j.nth, j.errno, err)
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

// leave puts what a dead Worker left into the store beside temp, so that a start has something to tidy.
func leave(t *testing.T, temp string) {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o.Start++
	if err := os.MkdirAll(filepath.Join(perpid.Path(temp), o.String()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
}

// inject runs a start with one fault and says how it ended.
func inject(strace string, c call, errno string, argv []string, temp string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fault := fmt.Sprintf("inject=%s:error=%s:when=%d", c.name, errno, c.nth)
	args := append([]string{"-o", "/dev/null", "-e", "trace=" + c.name, "-e", fault, "--"}, argv...)
	args = append(args, "-c", program(temp))
	cmd := exec.CommandContext(ctx, strace, args...)
	cmd.WaitDelay = time.Second
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	e := ending{code: cmd.ProcessState.ExitCode(), out: out.String(), err: stderr.String(), onHost: isOnHost(temp), hung: ctx.Err() != nil}
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
