package starts_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// innocent is a script that says what the program which was started may do: nothing that its user may not.
const innocent = `grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Uid|Gid):' /proc/self/status; cat /etc/shadow 2>/dev/null && echo HAVE; echo "$WORKER_WRAP_HOST_TEMP"; `

// harmless checks what innocent printed.
func harmless(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch {
		case strings.HasPrefix(name, "Cap") && strings.Trim(value, "0\t") != "", name == "HAVE",
			(name == "Uid" || name == "Gid") && strings.Join(strings.Fields(value), " ") != strings.TrimSpace(strings.Repeat(itoa(user)+" ", 4)):
			t.Errorf("the program that was started has more than its user: %q", out)
		}
	}
	if strings.Count(out, "Cap") != 4 {
		t.Errorf("the program that was started says too little: %q", out)
	}
}

// mountPoints counts the mounts at each place, in a mountinfo.
func mountPoints(t *testing.T, path string) map[string]int {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return pointsIn(string(data))
}

func pointsIn(mountinfo string) map[string]int {
	at := map[string]int{}
	for line := range strings.Lines(mountinfo) {
		at[strings.Fields(line)[4]]++
	}
	return at
}

// sharedTmpfs mounts a file system on which many renames take little time, and from which a bind reaches
// the host unless that is prevented.
func sharedTmpfs(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("attack", dir, "tmpfs", 0, "mode=755"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		t.Fatal(err)
	}
}

// do runs system calls and the like that cannot fail.
func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// leastSwaps is how many exchanges there are while TestAttackBySwapping starts Workers, and swapStep after how many a
// process that makes them says so.
const leastSwaps, swapStep = 500_000, 10_000

// swapsSoFar returns how many exchanges "attack swap" says that it has made.
func swapsSoFar(c *start) int { return strings.Count(c.out.String(), "more\n") * swapStep }

// swapsOf returns what "attack swap" says at its end, how many there were.
func swapsOf(c *start) (int, error) {
	return strconv.Atoi(strings.TrimSpace(strings.ReplaceAll(c.out.String(), "more\n", "")))
}

// TestAttackBySwapping starts Workers as fast as can be, while everything on their way is exchanged for links to root's
// files.
func TestAttackBySwapping(t *testing.T) {
	attack := compile(t, "attack", testkit.Dir(t))
	base := testkit.Dir(t)
	sharedTmpfs(t, base)
	root, worker := testkit.Runner(t, base, capable(t), "/bin/sh")
	work, bin := filepath.Join(root, "_work"), filepath.Join(root, "bin")
	other, evil := filepath.Join(root, "_work.other"), filepath.Join(root, "bin.evil")
	rootless, evilRoot := filepath.Join(base, "runner.root"), filepath.Join(base, "runner.evil")
	config := "{ \"AgentId\": 1, \"workFolder\": \"%s\" }"
	do(t, os.MkdirAll(work+"/_temp", 0o755), os.MkdirAll(work+"/.worker-wrap", 0o711), os.Mkdir(work+"/temp.mine", 0o755),
		os.Mkdir(other, 0o755), os.Symlink("/etc", other+"/_temp"), os.Symlink("/etc", work+"/temp.link"), os.Symlink("/tmp", work+"/store.link"),
		os.Mkdir(evil, 0o755), os.Symlink("/etc/shadow", evil+"/Runner.Worker.real"), os.Symlink("/etc/shadow", bin+"/real.link"),
		os.WriteFile(root+"/.runner.evil", fmt.Appendf(nil, config, "_work.other"), 0o644),
		os.Mkdir(root+"/.worker-wrap", 0o711), os.Symlink("/tmp", root+"/store.link"),
		os.Mkdir(evilRoot, 0o755), os.WriteFile(evilRoot+"/.runner", fmt.Appendf(nil, config, "/etc"), 0o644), os.Symlink(bin, evilRoot+"/bin"))
	link, err := os.Readlink(worker)
	do(t, err, os.Symlink(link, evil+"/Runner.Worker"))
	testkit.Give(t, base, user)
	do(t, os.Mkdir(work+"/temp.root", 0o777), os.Mkdir(work+"/store.root", 0o777), os.Mkdir(root+"/store.root", 0o777),
		os.Mkdir(work+"/.worker-wrap/root", 0o755), os.WriteFile(work+"/.worker-wrap/root/of-root", nil, 0o600),
		os.Mkdir(root+"/.worker-wrap/root", 0o755), os.WriteFile(root+"/.worker-wrap/root/of-root", nil, 0o600),
		os.MkdirAll(rootless+"/_work/_temp", 0o777), os.Mkdir(rootless+"/bin", 0o755), os.Symlink(link, rootless+"/bin/Runner.Worker"),
		os.Symlink("/bin/sh", rootless+"/bin/Runner.Worker.real"), os.WriteFile(rootless+"/.runner", fmt.Appendf(nil, config, "_work"), 0o644))

	before := mountPoints(t, "/proc/self/mountinfo")
	swappers := [][]string{
		{work + "/_temp", work + "/temp.link", work + "/_temp", work + "/temp.root", work + "/_temp", work + "/temp.mine"},
		{work, other, work + "/.worker-wrap", work + "/store.link", work + "/.worker-wrap", work + "/store.root", bin, evil, bin + "/Runner.Worker.real", bin + "/real.link"},
		{root + "/.worker-wrap", root + "/store.link", root + "/.worker-wrap", root + "/store.root", root + "/.worker-wrap", work + "/.worker-wrap"},
		{root + "/.runner", root + "/.runner.evil", root, evilRoot, root, rootless},
	}
	var running []*start
	for _, names := range swappers {
		c := command(nil, attack, append([]string{"swap", itoa(swapStep)}, names...)...)
		do(t, c.Start())
		running = append(running, c)
	}
	var shufflers []*start
	for _, store := range []string{work + "/.worker-wrap", root + "/.worker-wrap"} {
		c := command(nil, attack, "shuffle", store)
		do(t, c.Start())
		shufflers = append(shufflers, c)
	}
	// Of those that become the Worker some stay until all is in its place again, so that one can tell whose it is.
	const leastRan, leastLiving, mostLiving = 10, 10, 60
	var starts, ran, living atomic.Int64
	var mu sync.Mutex
	var kept []*start
	var keep []io.Closer
	begin := time.Now()
	goesOn := func() bool {
		all, least := 0, leastSwaps // by all, and by the slowest
		for _, c := range running {
			swaps := swapsSoFar(c)
			all, least = all+swaps, min(least, swaps)
		}
		return time.Since(begin) < testkit.Patience && (ran.Load() < leastRan || living.Load() < leastLiving || all < leastSwaps || least < leastSwaps/10)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for goesOn() {
				c := command([]string{"DOCKER=off"}, worker, "-c", innocent+"echo; cat /proc/self/mountinfo; ")
				if starts.Add(1)%2 == 0 && living.Load() < mostLiving {
					c.Args[2] += "read line"
					in, err := c.StdinPipe()
					if err != nil {
						t.Error(err)
						return
					}
					if c.Start() != nil {
						continue
					}
					for !c.ended() && !strings.Contains(c.out.String(), "\n\n") {
						time.Sleep(time.Millisecond)
					}
					if !c.ended() {
						living.Add(1)
						mu.Lock()
						kept, keep = append(kept, c), append(keep, in)
						mu.Unlock()
						continue
					}
					_ = c.Wait()
					judgeStart(t, c, before, base)
					continue
				}
				if c.Start() != nil { // Runner.Worker was another program, or none
					continue
				}
				_ = c.Wait()
				if judgeStart(t, c, before, base) {
					ran.Add(1)
				}
			}
		})
	}
	wg.Wait()
	swaps := 0
	for _, c := range append(running, shufflers...) {
		do(t, c.Process.Signal(syscall.SIGTERM))
		c.end(t)
		n, err := swapsOf(c)
		do(t, err)
		swaps += n
	}
	looked := 0
	for _, c := range kept {
		if checkMounts(t, c.Process.Pid, before, base) {
			looked++
		}
	}
	for i, c := range kept {
		keep[i].Close()
		_ = c.Wait()
		judgeStart(t, c, before, base)
	}
	t.Logf("%d swaps, %d starts, of which %d ran and %d were looked into while they ran", swaps, starts.Load(), ran.Load(), looked)
	if ran.Load() < leastRan || looked < leastLiving || swaps < leastSwaps {
		t.Error("too little happened to show anything")
	}
	after := mountPoints(t, "/proc/self/mountinfo")
	for at, n := range after {
		if n != before[at] && strings.HasPrefix(at, base) {
			t.Errorf("a mount at %s reached the host", at)
		}
	}
}

// ended reports whether the process has ended, which is to be waited for still.
func (s *start) ended() bool {
	stat, err := os.ReadFile("/proc/" + itoa(s.Process.Pid) + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// judgeStart reports whether a start became the Worker, which has no more rights than its user; and sees nothing
// mounted outside of base that the host has not. Otherwise it must have failed as the shim does.
func judgeStart(t *testing.T, c *start, host map[string]int, base string) bool {
	t.Helper()
	code := c.ProcessState.ExitCode()
	said, mountinfo, ran := strings.Cut(c.out.String(), "\n\n")
	switch {
	case code >= 125 && code <= 127 && said == "":
		oneLine(t, c.err.String())
	case (code == 0 || code == 1) && ran: // read(1) at the end of its input
		harmless(t, said+"\n")
		for at, n := range pointsIn(mountinfo) {
			elsewhere(t, at, n, host, base)
		}
		return true
	default:
		t.Errorf("exit code %d: %q, %q", code, &c.out, &c.err)
	}
	return false
}

// elsewhere checks that of the mounts at a place outside of base there are not more than on the host, but for other
// tests'. It reports whether it is such a place.
func elsewhere(t *testing.T, at string, n int, host map[string]int, base string) bool {
	t.Helper()
	if at != base && strings.HasPrefix(at, base) {
		return false
	}
	if n > host[at] && !strings.HasPrefix(at, "/var/tmp/worker-wrap-test-") {
		t.Errorf("something is mounted at %s", at)
	}
	return true
}

// checkMounts looks at the mounts of a living start: what there is more than on the host lies on and comes
// from what its user owns.
func checkMounts(t *testing.T, pid int, host map[string]int, base string) bool {
	t.Helper()
	proc := "/proc/" + itoa(pid)
	if here, _ := os.Readlink("/proc/self/ns/mnt"); here == "" {
		t.Fatal("no /proc")
	} else if there, err := os.Readlink(proc + "/ns/mnt"); err != nil || there == here {
		return false // it has failed, or is su(1)
	}
	for at, n := range mountPoints(t, proc+"/mountinfo") {
		if elsewhere(t, at, n, host, base) {
			continue
		}
		for _, path := range []string{at, proc + "/root" + at} {
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil || st.Uid != user {
				t.Errorf("%s is mounted over or with what belongs to %d: %v", path, st.Uid, err)
			}
		}
	}
	return true
}

// TestAttackByLooking: the user cannot look into the shim while it has its capability.
func TestAttackByLooking(t *testing.T) {
	attack := compile(t, "attack", testkit.Dir(t))
	s := ordinary(t, capable(t))
	u := s.unwrapped(t)
	w := s.waiting(t, "true", "WAIT=30s", "ISOLATE=always")
	look := func(pid int) string {
		c := command(nil, attack, "look", itoa(pid))
		if code := c.end(t); code != 0 {
			t.Fatalf("exit code %d", code)
		}
		return c.out.String()
	}
	if open := look(w.Process.Pid); open != "" {
		t.Errorf("open to its user: %s", open)
	}
	if open := look(u.pid()); !strings.Contains(open, "mem ") { // else this shows nothing
		t.Errorf("of a process without privilege only %q is open", open)
	}
	u.end(t)
	if code := w.end(t); code != 0 {
		t.Errorf("exit code %d, %q", code, &w.err)
	}
}
