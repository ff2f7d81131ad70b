package workers

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func itoa(n uint64) string { return strconv.FormatUint(n, 10) }

func only(t *testing.T, pid int) Worker {
	t.Helper()
	list, _, err := List()
	if err != nil {
		t.Fatal(err)
	}
	var found []Worker
	for _, w := range list {
		if w.PID == pid {
			found = append(found, w)
		}
	}
	if len(found) != 1 {
		t.Fatalf("process %d is listed %d times, want once: %+v", pid, len(found), list)
	}
	return found[0]
}

func TestListFindsWorkerAndNotItsChildren(t *testing.T) {
	testkit.RequireRoot(t)
	root, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
	before := time.Now().Add(-2 * time.Second)
	p := testkit.Shell(t, path)
	child := p.Do(t, "sleep 100 >/dev/null & echo $!")
	defer p.Do(t, "kill $!; wait 2>/dev/null; true")

	temp := filepath.Join(root, "_work", "_temp")
	p.Do(t, "mkdir "+temp+"/sub; head -c 10000 /dev/zero > "+temp+"/sub/file")
	log := filepath.Join(root, "_diag", "Worker_20260420-114836-utc.log")
	p.Do(t, "exec 9>"+log+"; echo \"[2026-04-20 11:55:19Z INFO StepsRunner] Processing step: DisplayName='Run it's tests'\" >&9")

	w := only(t, p.Process.Pid)
	if w.Runner != root || w.Temp != p.Host || w.Command != path {
		t.Errorf("got runner %q, folder %q, command %q; want %q, %q, %q", w.Runner, w.Temp, w.Command, root, p.Host, path)
	}
	if w.Files != 1 || w.Bytes < 10000 || w.Partial {
		t.Errorf("size: %d files, %d bytes, partial %v; want 1 file of at least 10000 bytes", w.Files, w.Bytes, w.Partial)
	}
	if w.Since.Before(before) || w.Since.After(time.Now()) {
		t.Errorf("since %v, want about now", w.Since)
	}
	if w.Step != "Run it's tests" {
		t.Errorf("step %q, want %q", w.Step, "Run it's tests")
	}
	host, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	if w.Namespace == 0 || strings.Contains(host, itoa(w.Namespace)) {
		t.Errorf("mount namespace %d, want another than the test's %s", w.Namespace, host)
	}
	list, _, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range list {
		if itoa(uint64(other.PID)) == child {
			t.Errorf("the Worker's child %s is listed as a Worker", child)
		}
	}
	if _, err := Find(os.Getpid()); err == nil {
		t.Error("the test itself is taken for a wrapped Worker")
	}
}

// TestOrder: of one clock tick the PIDs decide, which begin anew after the highest.
func TestOrder(t *testing.T) {
	for _, c := range []struct {
		a, b Worker
		want int
	}{
		{Worker{start: 1, PID: 9}, Worker{start: 2, PID: 8}, -1},
		{Worker{start: 2, PID: 8}, Worker{start: 2, PID: 9}, -1},
		{Worker{start: 2, PID: 999}, Worker{start: 2, PID: 1000}, -1},
		{Worker{start: 2, PID: 32767}, Worker{start: 2, PID: 301}, -1},
		{Worker{start: 2, PID: 301}, Worker{start: 2, PID: 32767}, 1},
		{Worker{start: 2, PID: 301}, Worker{start: 2, PID: 301}, 0},
	} {
		if got := order(c.a, c.b, 32768); got != c.want {
			t.Errorf("%+v, %+v: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// TestSinceStays: a process was started at one moment, whenever one asks.
func TestSinceStays(t *testing.T) {
	first, err := procfs.Booted("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if again, err := procfs.Booted("/proc"); err != nil || again != first {
			t.Fatalf("booted at %v, and at %v (%v)", first, again, err)
		}
	}
	// A container's own /proc/stat counts from its own start.
	proc := t.TempDir()
	if err := os.WriteFile(filepath.Join(proc, "stat"), []byte("cpu 0\nbtime 1\nx"), 0o644); err != nil {
		t.Fatal(err)
	}
	if other, err := procfs.Booted(proc); err != nil || other.Sub(first).Abs() > 2*time.Second {
		t.Errorf("booted at %v by another /proc/stat, %v; want about %v", other, err, first)
	}
}

func TestParseRepository(t *testing.T) {
	const before = "[2026-11-28 17:26:18Z INFO PipelineDirectoryManager] Loading tracking config if exists: /r/_work/_PipelineMapping/"
	for log, want := range map[string]string{
		"": "", "x\n" + before + "octo/repo.js/PipelineFolder.json\ny": "repo.js", before + "octo/repo/PipelineFolder.json\r\n": "repo",
		before + "octo/repo/PipelineFolder.json": "", before + "octo/../PipelineFolder.json\n": "", before + "octo/repo\n": "",
	} {
		if got := parseRepository([]byte(log)); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}

func TestParseStep(t *testing.T) {
	for _, c := range []struct{ log, want string }{
		{"", ""},
		{"[… INFO StepsRunner] Processing step: DisplayName='Set up job'\n", "Set up job"},
		{"Processing step: DisplayName='one'\nProcessing step: DisplayName='it's two'\nmore\n", "it's two"},
		{"Processing step: DisplayName='cut", ""},
		{"Processing step: DisplayName='\xff'", "\uFFFD"},
	} {
		if got := parseStep([]byte(c.log)); got != c.want {
			t.Errorf("parseStep(%q) = %q, want %q", c.log, got, c.want)
		}
	}
}
