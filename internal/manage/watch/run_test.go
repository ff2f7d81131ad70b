package watch_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/watch"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// blindVar has the test program watch the runner in the root that it names, for the binary named next. It is in a user
// namespace that may have no inotify instance (namespaces(7), /proc/sys/user).
const blindVar = "WATCH_TEST_BLIND"

func TestMain(m *testing.M) {
	if root, place, ok := strings.Cut(os.Getenv(blindVar), ":"); ok {
		os.Exit(blind(root, place))
	}
	testkit.Main(m)
}

// said gathers what a watch says.
type said struct {
	sync.Mutex
	lines []string
}

func (s *said) say(line string) {
	s.Lock()
	defer s.Unlock()
	s.lines = append(s.lines, line)
}

func (s *said) text() string {
	s.Lock()
	defer s.Unlock()
	return strings.Join(s.lines, "\n")
}

// plain makes a runner, and a binary for its shim.
func plain(t *testing.T) (runner.Layout, string) {
	t.Helper()
	root, err := standin.MakeRoot(filepath.Join(testkit.Dir(t), "r"), standin.RootOptions{Program: "/bin/true"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := runner.FromRoot(root.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return l, testkit.Binary(t)
}

func linked(l runner.Layout, place string) bool {
	to, _ := program.EntryAt(filepath.Join(l.Bin(), runner.WorkerName))
	return to == place
}

// begin starts a watch of l in this process. It has ended when the channel has its result.
func begin(t *testing.T, ctx context.Context, l runner.Layout, place string) (*said, chan error) {
	t.Helper()
	s, done := &said{}, make(chan error, 1)
	go func() {
		done <- watch.Run(ctx, watch.Options{Layouts: []runner.Layout{l}, Place: place, Say: s.say})
	}()
	testkit.Await(t, "the shim is in place", func() bool { return linked(l, place) })
	return s, done
}

func ends(t *testing.T, done chan error) {
	t.Helper()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testkit.Patience):
		t.Fatal("the watch did not end")
	}
}

func TestEndsWithProcess(t *testing.T) {
	l, place := plain(t)
	life := exec.Command("cat")
	in := testkit.Feed(t, life)
	ctx, cancel, err := watch.WhileAlive(t.Context(), life.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	_, done := begin(t, ctx, l, place)
	select {
	case err := <-done:
		t.Fatalf("ended while the process lives: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	in.Close()
	ends(t, done) // before anybody has waited for the process
	if err := life.Wait(); err != nil {
		t.Fatal(err)
	}
	gone, cancelGone, err := watch.WhileAlive(t.Context(), life.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	defer cancelGone()
	if gone.Err() == nil {
		t.Error("a process that is gone counts as alive")
	}
}

// TestEndsWhenQuiet: each change of what matters begins the wait anew, and the last one's runs to its end.
func TestEndsWhenQuiet(t *testing.T) {
	const quiet = 2 * time.Second
	for range 20 {
		if l, place := plain(t); changing(t, l, place, quiet) {
			return
		}
	}
	t.Fatal("the machine is too busy for changes every second")
}

// changing has l change ten times, an eighth of quiet apart, under a watch that is to end after quiet. It says nothing,
// and is false, if the machine was slow: this process changed nothing for so long that the watch may have ended between
// two changes.
func changing(t *testing.T, l runner.Layout, place string, quiet time.Duration) bool {
	t.Helper()
	s, last := &said{}, time.Now()
	done := make(chan error, 1)
	go func() {
		done <- watch.Run(t.Context(), watch.Options{Layouts: []runner.Layout{l}, Place: place, Say: s.say, UntilQuiet: quiet})
	}()
	for range 10 {
		time.Sleep(quiet / 8)
		before := last
		last = time.Now()
		if err := os.WriteFile(filepath.Join(l.Root, "update.finished"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if time.Since(before) > quiet/2 {
			ends(t, done)
			return false
		}
	}
	ends(t, done)
	if since := time.Since(last); since < quiet {
		t.Errorf("ended %v after a change", since)
	}
	if !linked(l, place) {
		t.Errorf("no shim; said %s", s.text())
	}
	return true
}

// TestEndsWithWhatIsWrong: a runner that the last look could not put right is a failure, of which its unit tells.
func TestEndsWithWhatIsWrong(t *testing.T) {
	testkit.RequireRoot(t)
	l, place := plain(t)
	bin, err := filepath.EvalSymlinks(l.Bin())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(bin, bin, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(bin, unix.MNT_DETACH) })
	for _, readOnly := range []uintptr{unix.MS_RDONLY, 0} {
		if err := unix.Mount("", bin, "", unix.MS_REMOUNT|unix.MS_BIND|readOnly, ""); err != nil {
			t.Fatal(err)
		}
		s := &said{}
		err := watch.Run(t.Context(), watch.Options{Layouts: []runner.Layout{l}, Place: place, Say: s.say, UntilQuiet: time.Millisecond})
		if (readOnly != 0) != errors.Is(err, unix.EROFS) || linked(l, place) != (readOnly == 0) {
			t.Errorf("read-only %v: %v, said %s", readOnly != 0, err, s.text())
		}
	}
}

// TestEndsWithoutRunner: a runner that was taken away, and one that the shim was taken out of, are not
// watched for ever.
func TestEndsWithoutRunner(t *testing.T) {
	t.Run("taken away", func(t *testing.T) {
		l, place := plain(t)
		s, done := begin(t, t.Context(), l, place)
		if err := os.Rename(l.Root, l.Root+".old"); err != nil {
			t.Fatal(err)
		}
		ends(t, done)
		if got := s.text(); !strings.Contains(got, l.Root+" is gone") {
			t.Errorf("said %s", got)
		}
	})
	t.Run("taken out", func(t *testing.T) {
		l, place := plain(t)
		s, done := begin(t, t.Context(), l, place)
		worker := filepath.Join(l.Bin(), runner.WorkerName)
		testkit.Await(t, "the watch has seen its own work", func() bool { return strings.Contains(s.text(), "watching "+l.Root) })
		if err := os.Remove(filepath.Join(l.Bin(), runner.RealWorkerName)); err != nil { // as uninstall does
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(l.Bin(), runner.KeptWorkerName), worker); err != nil {
			t.Fatal(err)
		}
		ends(t, done)
		if got := s.text(); !strings.Contains(got, "taken worker-wrap out") {
			t.Errorf("said %s", got)
		}
		if linked(l, place) {
			t.Error("the watch has put the shim back")
		}
	})
}

// TestWithoutInotify: changes are found all the same, and it is said once that this is not for free.
func TestWithoutInotify(t *testing.T) {
	testkit.RequireRoot(t)
	l, place := plain(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), blindVar+"="+l.Root+":"+place)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: 0, Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := strings.Count(string(out), "changes cannot be watched"); got != 1 {
		t.Errorf("said %d times that it cannot watch:\n%s", got, out)
	}
}

// blind takes the place of the binary for the runner in root, and undoes the install as an update might. It returns 0
// if that was seen.
func blind(root, place string) int {
	err := os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("0"), 0)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	l, err := runner.FromRoot(root)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- watch.Run(ctx, watch.Options{Layouts: []runner.Layout{l}, Place: place, Say: func(s string) { fmt.Println(s) }})
	}()
	await := func() bool {
		for end := time.Now().Add(testkit.Patience); !linked(l, place); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				return false
			}
		}
		return true
	}
	first := await()
	worker := filepath.Join(l.Bin(), runner.WorkerName)
	err = os.Remove(worker)
	if err == nil {
		err = standin.WriteWorker(worker, "/bin/true")
	}
	second := await()
	cancel()
	if ended := <-done; !first || !second || err != nil || ended != nil {
		fmt.Println(first, second, err, ended)
		return 1
	}
	return 0
}
