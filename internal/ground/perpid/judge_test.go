package perpid

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

func TestParse(t *testing.T) {
	const boot = "0123456789ab"
	for name, want := range map[string]string{
		"1-2-3-" + boot: "", "4194304-18446744073709551615-4026531836-" + boot: "", "1-2-3-" + boot + ".docker.sock": "docker.sock",
		"1-2-3-" + boot + ".2": "", "1-2-3-" + boot + ".64": "", "1-2-3-" + boot + ".3.docker.sock": "docker.sock",
		"1-2-3-" + boot + ".1": "1", "1-2-3-" + boot + ".02": "02", "1-2-3-" + boot + ".65": "65", "1-2-3-" + boot + ".+2.s": "+2.s", "1-2-3-" + boot + ".2s": "2s",
		"1-2-3-" + boot + "\n": "no", "01-2-3-" + boot: "no", "+1-2-3-" + boot: "no", "0-2-3-" + boot: "no", "-1-2-3-" + boot: "no",
		"1-2-3-0123456789AB": "no", "1-2-3-0123456789a": "no", "1-2-" + boot: "no", "1-2-3-4-" + boot: "no", "": "no", ".": "no", "..": "no",
		"1-2-3-unknown": "", "1-2-3-unknown.2.docker.sock": "docker.sock", "1-2-3-unknow": "no", "1-2-3-": "no",
		"1-18446744073709551616-3-" + boot: "no", "dead.1-2-3-" + boot: "no", "1-2-3-" + boot + "/x": "no",
	} {
		o, what, ok := Parse(name)
		if ok != (want != "no") || ok && (what != want || !strings.HasPrefix(name, o.String())) {
			t.Errorf("%q: %v, %q, %v", name, o, what, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"1-2-3-0123456789ab", "1-2-3-0123456789ab.sock", "1-2-3-0123456789ab.2", "1-2-3-0123456789ab.64.sock", "dead.1-2-3-0123456789ab", "01-2-3-0123456789ab", "1--3-0123456789ab", "\xff", "1-2-3-0123456789ab\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		o, what, ok := Parse(name)
		if !ok {
			return
		}
		rest, found := strings.CutPrefix(name, o.String())
		number, _, _ := strings.Cut(strings.TrimPrefix(rest, "."), ".")
		if isNumber(number) {
			rest = strings.TrimPrefix(rest, "."+number)
		}
		if !found || rest != "" && rest != "."+what || rest == "" && what != "" || o.PID <= 0 {
			t.Errorf("%q is %v and %q", name, o, what)
		}
	})
}

// TestVerdictAfterReboot: another boot id proves death only outside of containers, or by the time of change.
func TestVerdictAfterReboot(t *testing.T) {
	booted := time.Now().Add(-time.Hour)
	const here, there = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
	for _, c := range []struct {
		what        string
		judge, of   uint64
		remote, old bool
		want        Verdict
	}{
		{"on the machine itself", initPIDNS, initPIDNS, false, false, Dead},
		{"a container's, seen from the machine", initPIDNS, 5, false, false, Unknown},
		{"a container's, from before the boot", initPIDNS, 5, false, true, Dead},
		{"in one container", 5, 5, false, false, Unknown},
		{"in one container, from before the boot", 5, 5, false, true, Dead},
		{"perhaps another machine's", initPIDNS, initPIDNS, true, true, Unknown},
	} {
		j := &Judge{Self: Owner{1, 2, c.judge, here}, Remote: c.remote, Booted: booted, proc: "/proc"}
		changed := time.Now()
		if c.old {
			changed = booted.Add(-time.Minute)
		}
		if got := j.Verdict(Owner{os.Getpid(), 2, c.of, there}, changed); got != c.want {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// TestVerdictWithoutABootID: an owner that cannot tell its boot, or is judged by one that cannot, is never dead while
// its process lives, whatever the clock says. It is dead when no such process is there.
func TestVerdictWithoutABootID(t *testing.T) {
	me, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	gone := me
	gone.Start--
	nobody := me
	nobody.PID = 1 << 29 // over the greatest that a kernel can be told to give out
	for _, boots := range [][2]string{{unknownBoot, me.Boot}, {me.Boot, unknownBoot}, {unknownBoot, unknownBoot}} {
		for _, changed := range []time.Time{{}, time.Now(), time.Now().Add(time.Hour)} {
			for owner, want := range map[Owner]Verdict{me: Living, gone: Dead, nobody: Dead} {
				owner.Boot = boots[0]
				judge := NewJudge(Owner{1, 2, me.PIDNS, boots[1]}, false)
				if got := judge.Verdict(owner, changed); got != want {
					t.Errorf("%v, judged with the boot %s: %v, want %v", owner, boots[1], got, want)
				}
				judge.Remote = true
				if got := judge.Verdict(owner, changed); got != Unknown {
					t.Errorf("%v, which may be another machine's: %v", owner, got)
				}
				owner.PIDNS = 5
				judge = NewJudge(Owner{1, 2, 6, boots[1]}, false)
				if got := judge.Verdict(owner, changed); got != Unknown {
					t.Errorf("%v, of another container: %v", owner, got)
				}
			}
		}
	}
}

// forked runs a program in a new namespace until the test ends, and returns its PID.
func forked(t *testing.T, namespace string) (child int) {
	t.Helper()
	cmd := exec.Command("unshare", namespace, "--fork", "--kill-child", "cat")
	in, out := testkit.Talk(t, cmd)
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	if _, err := in.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(children), &child); err != nil {
		t.Fatal(err)
	}
	return child
}

// TestOtherClock: the start of a process in another time namespace tells nothing.
func TestOtherClock(t *testing.T) {
	testkit.RequireRoot(t)
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	for namespace, want := range map[string]Verdict{"--time": Unknown, "--mount": Dead} {
		o := self
		o.PID = forked(t, namespace)
		s, err := readStat("/proc", o.PID)
		if err != nil {
			t.Fatal(err)
		}
		o.Start = s.start + 500000
		if got := NewJudge(self, false).Verdict(o, time.Now()); got != want {
			t.Errorf("%s: %v, want %v", namespace, got, want)
		}
	}
}

// TestVerdictAfterTheClockWasSet: a container's living process is not taken for one from before the boot. Yet the
// container has a boot id of its own, and the clock was set forward since its folder changed.
func TestVerdictAfterTheClockWasSet(t *testing.T) {
	testkit.RequireRoot(t)
	child := forked(t, "--pid")
	s, err := readStat("/proc", child)
	if err != nil {
		t.Fatal(err)
	}
	j := &Judge{Self: Owner{1, 2, initPIDNS, "aaaaaaaaaaaa"}, Booted: time.Now(), proc: "/proc"}
	before := time.Now().Add(-time.Hour)
	ns, err := nsenter.Inode(fmt.Sprintf("/proc/%d/ns/pid", child))
	if err != nil {
		t.Fatal(err)
	}
	living := Owner{1, s.start, ns, "bbbbbbbbbbbb"}
	ended, elsewhere := living, living
	ended.Start--
	elsewhere.PIDNS = 5 // the first process of another PID namespace, of the same clock tick
	for o, want := range map[Owner]Verdict{living: Living, ended: Dead, elsewhere: Dead} {
		if is := o.Is("/proc", child); is != (want == Living) {
			t.Errorf("%v is process %d: %v", o, child, is)
		}
		if got := j.Verdict(o, before); got != want {
			t.Errorf("%v: %v, want %v", o, got, want)
		}
	}
}

// TestVerdictOnProcesses: the living, the ended, those that are not reaped yet, and a PID used again.
func TestVerdictOnProcesses(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	j := NewJudge(self, false)
	cmd := exec.Command("cat")
	in := testkit.Feed(t, cmd)
	child, err := self.Peer(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	reused := child
	reused.Start--
	expect := func(o Owner, want Verdict) {
		t.Helper()
		if got := j.Verdict(o, time.Now()); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	expect(self, Living)
	expect(child, Living)
	expect(reused, Dead)
	is := func(o Owner, pid int, want bool) {
		t.Helper()
		if got := o.Is("/proc", pid); got != want {
			t.Errorf("%v is process %d: %v, want %v", o, pid, got, want)
		}
	}
	is(child, child.PID, true)
	is(child, self.PID, false)
	is(reused, child.PID, false)
	in.Close()
	testkit.Await(t, "it has ended", func() bool {
		s, err := readStat("/proc", child.PID)
		return err == nil && s.state == 'Z'
	})
	expect(child, Dead)
	if _, err := self.Peer(child.PID); err == nil {
		t.Error("a zombie is a peer")
	}
	_ = cmd.Wait()
	expect(child, Dead)
	is(child, child.PID, false)
	if _, err := self.Peer(child.PID); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a process that is gone as a peer: %v", err)
	}
}

// actor returns a command that runs this test binary in a role, from a place that every user can reach.
func actor(t *testing.T, role string, argv ...string) *exec.Cmd {
	t.Helper()
	testkit.RequireRoot(t)
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testkit.Dir(t), "actor")
	if err := os.WriteFile(path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	argv = append(argv, path)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

// TestVerdictInAnotherPIDNamespace: owners in two PID namespaces share a store, and none loses its folder.
func TestVerdictInAnotherPIDNamespace(t *testing.T) {
	s, j := claimStore(t)
	if j.Self.PIDNS != initPIDNS {
		testkit.Skip(t, "needs the machine's first PID namespace")
	}
	host, err := s.Create(j.Self, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	host.Close()
	cmd := actor(t, "child "+s.path, "/bin/sh", "-c", `mount -t proc proc /proc && exec "$0"`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	in, out := testkit.Talk(t, cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v, %q, %s", err, line, &stderr)
	}
	var name string
	var deleted int
	if _, err := fmt.Sscan(line, &name, &deleted); err != nil || deleted != 0 || !strings.HasPrefix(name, "1-") {
		t.Errorf("the child says %q, %v", line, err)
	}
	owner, _, ok := Parse(name)
	if !ok || !owner.Is("/proc", cmd.Process.Pid) || owner.Is("/proc", j.Self.PID) {
		t.Errorf("the owner in %q is not seen to be process %d of this namespace", name, cmd.Process.Pid)
	}
	sweepAndList(t, s, j, j.Self.String(), name)
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	sweepAndList(t, s, j, j.Self.String())
}

// sweepAndList sweeps, and expects what is left.
func sweepAndList(t *testing.T, s *Store, j *Judge, want ...string) Swept {
	t.Helper()
	swept, err := s.Sweep(j, Sweep{})
	if err != nil {
		t.Fatal(err)
	}
	names, err := s.names()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(want) {
		t.Errorf("left: %q, want %q", names, want)
	}
	for _, name := range want {
		if _, err := os.Lstat(filepath.Join(s.path, name)); err != nil {
			t.Error(err)
		}
	}
	return swept
}

// TestVerdictWithHidepid: a /proc that does not show others makes nobody dead.
func TestVerdictWithHidepid(t *testing.T) {
	proc := testkit.Dir(t)
	cmd := actor(t, "hidden "+proc, "/bin/sh", "-c",
		`mount -t proc -o hidepid=2 proc `+proc+` && `+testkit.UserLine("61236", "61236")+` "$0"; exit $?`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "unknown dead unknown dead \n" {
		t.Errorf("%v, %q", err, out)
	}
}

// TestOnce: of many owners in other PID namespaces the machine's processes are looked through once.
func TestOnce(t *testing.T) {
	proc := testkit.Files(t, map[string]string{"1/stat": "1 (init) S" + strings.Repeat(" 0", 16) + " 1 0 77\n"})
	j := &Judge{Self: Owner{5, 6, initPIDNS, "aaaaaaaaaaaa"}, Booted: time.Now(), proc: proc}
	one, other, before := Owner{9, 42, 7, "aaaaaaaaaaaa"}, Owner{9, 43, 7, "aaaaaaaaaaaa"}, time.Now().Add(-time.Hour)
	once := j.once()
	if got := once.Verdict(one, before); got != Dead {
		t.Errorf("%v", got)
	}
	if err := os.RemoveAll(proc); err != nil {
		t.Fatal(err)
	}
	if got, again := once.Verdict(other, before), j.Verdict(other, before); got != Dead || again != Unknown {
		t.Errorf("without another look %v, with one %v", got, again)
	}
}
