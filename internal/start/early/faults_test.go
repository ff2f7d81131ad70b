package early_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// allFaultsVar has each call fail with each of its errnos, and not only the first of each name with the first of them.
const allFaultsVar = "WORKER_WRAP_TEST_ALL_FAULTS"

// errnos are those that each call of a lone start, and of its keeper, is made to fail with. If there is none the kernel
// never refuses.
var errnos = map[string][]string{
	"arch_prctl": {}, "capget": {}, "chdir": {"EACCES"}, "close": {}, "exit_group": {}, "getpid": {}, "rt_sigaction": {},
	"rt_sigprocmask": {}, "setsid": {"EPERM"}, "prctl": {"EINVAL"}, "capset": {"EPERM"}, "close_range": {"ENOSYS"},
	"clock_gettime": {"EINVAL"}, "clone": {"EAGAIN", "ENOMEM", "EPERM"}, "dup3": {}, "fgetxattr": {"ENODATA", "EOPNOTSUPP", "EIO"}, "fsetxattr": {"ENOSPC", "EOPNOTSUPP", "EROFS"}, "fremovexattr": {}, "execve": {"EACCES", "ENOENT", "ETXTBSY", "ENOMEM", "EPERM"},
	"faccessat": {"EACCES", "EIO"}, "flock": {"EAGAIN", "ENOLCK", "EINTR", "EBADF"}, "getdents64": {"EIO"}, "kill": {"EPERM"},
	"lseek": {"EINVAL"}, "openat": {"EMFILE", "EACCES", "ENFILE", "EIO", "EINTR"}, "pidfd_open": {"ENOSYS", "EMFILE", "EPERM"},
	"futex": {"ENOSYS"}, "ppoll": {"EINTR", "ENOMEM"}, "read": {"EIO", "EINTR"}, "statx": {"EIO", "ENOSYS", "EACCES"}, "wait4": {"EINTR", "ECHILD"}, "set_tid_address": {}, "write": {"ENOSPC", "EIO", "EDQUOT"},
}

// struck is one call that fails, or before which a process is killed.
type struck struct {
	call, what string // what is the end of strace's option
	nth        int
	keeper     bool // it is one of the keeper, or of the process between
}

func (s struck) String() string {
	return fmt.Sprintf("%s no. %d (of the keeper: %v): %s", s.call, s.nth, s.keeper, s.what)
}

// strikes returns what can be done to a lone start: of its own process, and to each call that only its keeper makes.
func strikes(t *testing.T, strace string) (all []struck) {
	t.Helper()
	root := root(t)
	early(t, root, alone) // the first start looks for others, too
	unlocked(t, root)     // as one does that waits
	log := root + ".trace"
	defer os.Remove(log)
	cmd := exec.Command(strace, "-f", "-o", log, root+"/bin/Runner.Worker")
	cmd.Env = []string{alone}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var main string
	became := false // a keeper has become worker-wrap; its threads are none of this
	counts, ended := map[string]map[string]int{}, map[string]bool{}
	for line := range strings.Lines(string(text)) {
		pid, rest, _ := strings.Cut(line, " ")
		name, _, ok := strings.Cut(strings.TrimSpace(rest), "(")
		if !ok || strings.ContainsAny(name, " <+-") || ended[pid] {
			continue
		}
		if main == "" { // its first call is what started it
			main = pid
			continue
		}
		if counts[pid] == nil {
			if became {
				continue
			}
			counts[pid] = map[string]int{}
		}
		counts[pid][name]++
		if ended[pid] = name == "execve"; ended[pid] && pid != main {
			became = true
		}
		if pid != main && (counts[main][name] > 0 || name == "write") {
			continue // strace counts for each process: it would strike the first one, or the Worker
		}
		list, known := errnos[name]
		if !known {
			t.Errorf("for %s this test names no errors", name)
		}
		nth := counts[pid][name]
		if os.Getenv(allFaultsVar) == "" {
			list = list[:min(1, len(list)*max(0, 2-nth))]
		}
		if nth == 1 || !strings.HasPrefix(name, "rt_sig") { // a keeper's end makes a hundred, and the Worker some
			all = append(all, struck{name, "signal=KILL", nth, pid != main})
		}
		for _, errno := range list {
			all = append(all, struck{name, "error=" + errno, nth, pid != main})
		}
	}
	return all
}

// TestEachCallStruck kills a lone start, and its keeper, before every system call, and has each call fail: whatever comes
// of it, it has a _temp, another Worker is never in the same one, and the next is alone once more.
func TestEachCallStruck(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	all := strikes(t, strace)
	if len(all) < 70 {
		t.Fatalf("only %d strikes: the trace cannot have been understood", len(all))
	}
	queue := make(chan struck)
	var wg sync.WaitGroup
	var mu sync.Mutex
	outcomes := map[string]int{}
	for range runtime.NumCPU() {
		root := root(t)
		early(t, root, alone)
		unlocked(t, root)
		wg.Go(func() {
			for s := range queue {
				how := s.strike(t, strace, root)
				mu.Lock()
				outcomes[how]++
				mu.Unlock()
			}
		})
	}
	for _, s := range all {
		queue <- s
	}
	close(queue)
	wg.Wait()
	t.Logf("%d strikes: %v", len(all), outcomes)
	if outcomes["plain"] == 0 || outcomes["private"] == 0 || outcomes["none"] == 0 {
		t.Error("of plain, private and no Worker at all each must come about")
	}
}

// strike does it to the next start of a runner and says what the Worker got.
func (s struck) strike(t *testing.T, strace, root string) (how string) {
	args := []string{"-o", "/dev/null", "-e", "trace=" + s.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", s.call, s.what, s.nth), root + "/bin/Runner.Worker"}
	if s.keeper {
		args = append([]string{"-f"}, args...)
	}
	cmd := exec.Command(strace, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	first := startBy(t, cmd, alone)
	second := start(t, root, alone)
	switch {
	case second.ns == "":
		t.Errorf("%v: another does not start", s)
	case first.ns == "":
		how = "none"
		if !second.isAlone(t) {
			t.Errorf("%v: the next Worker is not alone", s)
		}
		if strings.HasPrefix(s.what, "error=") && s.call != "execve" {
			t.Errorf("%v: there is no Worker: %s", s, &said)
		}
	case first.isAlone(t):
		how = "plain"
		if second.isAlone(t) {
			t.Errorf("%v: two are in the plain _temp", s)
		}
	default:
		how = "private"
	}
	first.end()
	second.end()
	unlocked(t, root)
	if how == "none" {
		return how
	}
	next := start(t, root, alone)
	if !next.isAlone(t) {
		t.Errorf("%v: the next Worker is not alone", s)
	}
	next.end()
	unlocked(t, root)
	return how
}
