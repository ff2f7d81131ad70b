package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// parallel runs n pieces of work, some at a time.
func parallel(n, atOnce int, work func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				work(int(i))
			}
		})
	}
	wg.Wait()
}

// TestManyAliveAtOnce holds 200 Workers of one runner alive, each of which must find what it wrote in its
// _temp and nothing else.
func TestManyAliveAtOnce(t *testing.T) {
	testkit.RequireRoot(t)
	const workers = 200
	_, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	temp := filepath.Join(filepath.Dir(filepath.Dir(path)), "_work", "_temp")
	before := hostMounts(t)
	shells := make([]*testkit.Process, workers)
	for i := range shells {
		shells[i] = testkit.Shell(t, path)
		shells[i].Do(t, fmt.Sprintf("echo %d > %s/mine", i, temp))
	}
	for i, p := range shells {
		if got, want := p.Do(t, fmt.Sprintf("cat %[1]s/mine; ls -A %[1]s | wc -l", temp)), fmt.Sprintf("%d\n1", i); got != want {
			t.Fatalf("Worker %d finds %q in its _temp, want %q", i, got, want)
		}
	}
	// Half of them empty their _temp, as a Worker does at its end; the others must keep theirs.
	for i, p := range shells {
		if i%2 == 0 {
			p.Do(t, "rm -rf "+temp+"/*")
		}
	}
	for i, p := range shells {
		if i%2 == 1 {
			p.Do(t, "test -e "+temp+"/mine || exit 9")
		}
	}
	for _, p := range shells {
		p.End()
		if code := p.ProcessState.ExitCode(); code != 0 {
			t.Errorf("a Worker ended with %d", code)
		}
	}
	if after := hostMounts(t); after != before {
		t.Errorf("the host's mounts changed:\n%s\nto\n%s", before, after)
	}
	if got := entries(t, temp); len(got) != 0 {
		t.Errorf("in the host's _temp: %v", got)
	}
}

// TestManyStartsInARow makes 1,000 starts, or 10,000, some at a time, after which nothing may have grown.
func TestManyStartsInARow(t *testing.T) {
	testkit.RequireRoot(t)
	starts := 1000
	if os.Getenv(fullLoadVar) != "" {
		starts = 10_000
	}
	_, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/true")
	temp := filepath.Join(filepath.Dir(filepath.Dir(path)), "_work", "_temp")
	mounts, processes := hostMounts(t), processCount(t)
	parallel(starts, runtime.NumCPU(), func(int) {
		if out, err := exec.Command(path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("a start failed: %v\n%s", err, out)
		}
	})
	if after := hostMounts(t); after != mounts {
		t.Errorf("the host's mounts changed:\n%s\nto\n%s", mounts, after)
	}
	// What the last of them left is swept by one more start; that one leaves its own.
	eventually(t, func() error {
		if out, err := exec.Command(path).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return atMostOne(entries(t, perpid.Path(temp)))
	})
	// Other packages' tests run beside this one, so only growth in the order of the starts tells.
	if after := processCount(t); after > processes+starts/10 {
		t.Errorf("there were %d processes and are %d", processes, after)
	}
}

// TestStartsAmongManyMounts makes starts on a host with 5,000 mounts more, in a namespace of the test's own.
func TestStartsAmongManyMounts(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	_, path := testkit.Runner(t, dir, testkit.Binary(t), "/bin/true")
	script := `
set -e
mount -t tmpfs -o size=64m many "$1"
mount --make-shared "$1"
mkdir "$1/from" "$1/to"
i=0
while [ $i -lt 5000 ]; do mkdir "$1/to/$i"; i=$((i+1)); done
exec "$3" "$1" "$2"
`
	// mount(8) once for each of 5,000 mounts takes longer than all else here, so the test binary mounts.
	many := filepath.Join(dir, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", many, path, self)
	cmd.Env = append(os.Environ(), manyMountsVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "50 starts, 5000 mounts before and after\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// manyMountsVar makes the test binary the program that TestStartsAmongManyMounts runs.
const manyMountsVar = "WORKER_WRAP_TEST_MANY_MOUNTS"

// manyMounts binds one folder 5,000 times and starts Workers.
func manyMounts(dir, path string) error {
	for i := range 5000 {
		if err := unix.Mount(dir+"/from", fmt.Sprintf("%s/to/%d", dir, i), "", unix.MS_BIND, ""); err != nil {
			return os.NewSyscallError("mount", err)
		}
	}
	count := func() int {
		data, _ := os.ReadFile("/proc/self/mountinfo")
		return strings.Count(string(data), dir+"/to/")
	}
	before := count()
	for range 50 {
		if out, err := exec.Command(path).CombinedOutput(); err != nil {
			return fmt.Errorf("a start failed: %w\n%s", err, out)
		}
	}
	if after := count(); after != before {
		return fmt.Errorf("%d mounts before, %d after", before, after)
	}
	_, err := fmt.Printf("50 starts, %d mounts before and after\n", before)
	return err
}

// fullLoadVar, when it is set, makes the load tests use the whole numbers that the README speaks of, which
// takes minutes: scripts/test load.
const fullLoadVar = "WORKER_WRAP_TEST_FULL_LOAD"

// TestLeftoversBesideAStart leaves 100,000 files, or a million, and sees that the next start becomes its
// program while they are still there, and that they are gone in the end.
func TestLeftoversBesideAStart(t *testing.T) {
	testkit.RequireRoot(t)
	folders, files := 100, 1000
	if os.Getenv(fullLoadVar) != "" {
		folders = 1000
	}
	_, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	store := perpid.Path(filepath.Join(filepath.Dir(filepath.Dir(path)), "_work", "_temp"))
	owner, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	owner.Start++ // no process with this PID started then
	left := filepath.Join(store, owner.String())
	parallel(folders, 2*runtime.NumCPU(), func(i int) {
		dir := filepath.Join(left, fmt.Sprint(i))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Error(err)
		}
		for j := range files {
			fd, err := unix.Open(fmt.Sprintf("%s/%d", dir, j), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o644)
			if err != nil {
				t.Error(err)
				return
			}
			unix.Close(fd)
		}
	})
	p := testkit.Shell(t, path)
	if got := entries(t, store); len(got) != 2 {
		t.Errorf("when the Worker runs the store holds %v; want its own folder and the leftovers, being deleted", got)
	}
	if got := p.Do(t, "ps -o comm= --ppid $$"); got != "ps" {
		t.Errorf("the Worker's children are %q, want ps only", got)
	}
	eventually(t, func() error {
		if got := entries(t, store); len(got) != 1 {
			return fmt.Errorf("the store holds %v, want the Worker's folder only", got)
		}
		return nil
	})
	if got := p.Do(t, "echo $WORKER_WRAP_HOST_TEMP"); got != p.Host {
		t.Errorf("the Worker's folder is %q, was %q", got, p.Host)
	}
	if !slices.Contains(entries(t, store), filepath.Base(p.Host)) {
		t.Error("the living Worker's folder was swept")
	}
}

// atMostOne holds a store to the folder that the last start left.
func atMostOne(left []string) error {
	if len(left) > 1 {
		return fmt.Errorf("%d entries are left in the store, want the last start's: %v", len(left), left)
	}
	return nil
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func processCount(t *testing.T) int {
	t.Helper()
	n := 0
	for _, name := range entries(t, "/proc") {
		if strings.Trim(name, "0123456789") == "" {
			n++
		}
	}
	return n
}
