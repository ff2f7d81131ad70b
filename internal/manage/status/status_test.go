package status

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// newRunner makes a runner whose Worker is cat(1), which lives until its standard input ends.
func newRunner(t *testing.T) runner.Layout {
	t.Helper()
	root := testkit.Dir(t)
	cat, err := os.ReadFile("/bin/cat")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{
		".runner":                       "\xef\xbb\xbf{\"workFolder\":\"_work\"}",
		"_diag/x":                       "",
		"_work/_temp/x":                 "",
		"bin/Runner.Worker.real":        string(cat),
		"bin/Runner.Listener.deps.json": `{"libraries":{"Runner.Listener/2.336.0":{}}}`,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(data), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(testkit.Binary(t), filepath.Join(root, "bin", runner.WorkerName)); err != nil {
		t.Fatal(err)
	}
	layout, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	return layout
}

// startWorker starts a Worker by this name, waits until it is the program that it is to be, and returns
// its PID.
func startWorker(t *testing.T, layout runner.Layout, name string) int {
	t.Helper()
	cmd := exec.Command(filepath.Join(layout.Bin(), name), "-", "/dev/null")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the Worker: %v", err)
		}
	})
	fmt.Fprintln(stdin, "there?")
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "there?\n" {
		t.Fatalf("the Worker says %q (%v)", line, err)
	}
	return cmd.Process.Pid
}

func TestGather(t *testing.T) {
	testkit.RequireRoot(t)
	layout, other := newRunner(t), newRunner(t)
	if err := events.Append(layout.Diag(), events.Event{Kind: events.Start, PID: 1, Outcome: "private"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(other.Bin(), runner.WorkerName)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other.Bin(), runner.RealWorkerName), filepath.Join(other.Bin(), runner.WorkerName)); err != nil {
		t.Fatal(err)
	}
	wrapped := startWorker(t, layout, runner.WorkerName)
	bare := startWorker(t, layout, runner.RealWorkerName)

	broken := []*runner.ConfigError{{Root: "/a", Err: errors.New("no sense")}, {Root: "/b", Err: os.ErrPermission}}
	got, _, err := Gather([]runner.Layout{layout, other}, broken, true)
	if err != nil || len(got) != 4 {
		t.Fatalf("%+v, %v", got, err)
	}
	for i, want := range []Runner{{Root: "/a", Why: "no sense"}, {Root: "/b", Why: "permission denied", Unknown: true}} {
		if r := got[2+i]; r.Root != want.Root || r.Why != want.Why || r.Unknown != want.Unknown || r.Protected || r.Workers == nil {
			t.Errorf("broken: %+v", r)
		}
	}
	r := got[0]
	if !r.Protected || r.Why != "" || r.Version != "2.336.0" || r.User != "root" || r.Listener != 0 || !slices.Equal(r.Bare, []int{bare}) {
		t.Errorf("%+v", r)
	}
	if len(r.Workers) != 1 || r.Workers[0].PID != wrapped || filepath.Dir(r.Workers[0].Temp) != filepath.Join(layout.Work, ".worker-wrap") || time.Since(r.Workers[0].Since) > time.Minute {
		t.Errorf("%+v", r.Workers)
	}
	if r.Last == nil || r.Last.Outcome != "private" {
		t.Errorf("last start: %+v", r.Last)
	}
	if o := got[1]; o.Protected || !strings.Contains(o.Why, "is the runner's own") || len(o.Workers) > 0 || len(o.Bare) > 0 || o.Last != nil {
		t.Errorf("%+v", o)
	}
	data, err := json.Marshal(got[1])
	if err != nil || !strings.Contains(string(data), `"workers":[]`) {
		t.Errorf("%s, %v", data, err)
	}
}

func TestPrint(t *testing.T) {
	now := time.Date(2026, 4, 20, 12, 0, 0, 0, time.Local)
	runners := []Runner{
		{
			Root: "/home/ci/runner", Protected: true, Version: "2.336.0", User: "ci",
			Last:    &Start{Time: now.Add(-time.Minute), Outcome: "private"},
			Workers: []workers.Worker{{PID: 42, Since: now.AddDate(0, 0, -1), Bytes: 3 << 20, Partial: true, Temp: "/w/.worker-wrap/42", Step: "make\x1b[2J"}},
			Bare:    []int{43},
		},
		{Root: "/r2", Why: "Runner.Worker is the runner's own", User: "root", Last: &Start{Time: now, Outcome: "plain", Error: "no privilege"}},
		{Root: "/r3", Protected: true, Version: "2.336.0", User: "ci"},
	}
	var b strings.Builder
	if err := Print(&b, runners, now); err != nil {
		t.Fatal(err)
	}
	want := `RUNNER           PROTECTED  VERSION  USER  WORKERS  LAST START
/home/ci/runner  yes        2.336.0  ci    2        11:59:00 private
/r2              NO         ?        root  0        12:00:00 plain: no privilege
/r3              yes        2.336.0  ci    0        none on record

/home/ci/runner:
  Worker 42 since 2026-04-19 12:00:00, more than 3.0 MiB in /w/.worker-wrap/42, at step make` + "\uFFFD" + `[2J
  Worker 43 has no _temp of its own

/r2:
  not protected: Runner.Worker is the runner's own (see worker-wrap doctor)
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
