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
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
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
func startWorker(t *testing.T, layout runner.Layout, name string, env ...string) int {
	t.Helper()
	cmd := exec.Command(filepath.Join(layout.Bin(), name), "-", "/dev/null")
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), env...)
	stdin, stdout := testkit.Talk(t, cmd)
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
	if !r.Protected || r.Why != "" || r.Version != "2.336.0" || r.User != "root" || r.Listener != 0 || r.Isolate != "always" || r.IsolateFrom != "" {
		t.Errorf("%+v", r)
	}
	if len(r.Workers) != 2 || r.Workers[1].PID != bare || r.Workers[1].Mode != workers.Unwrapped {
		t.Fatalf("%+v", r.Workers)
	}
	if r.Workers[0].PID != wrapped || r.Workers[0].Mode != workers.Private || filepath.Dir(r.Workers[0].Temp) != filepath.Join(layout.Root, ".worker-wrap") || time.Since(r.Workers[0].Since) > time.Minute {
		t.Errorf("%+v", r.Workers)
	}
	if r.Last == nil || r.Last.Outcome != "private" {
		t.Errorf("last start: %+v", r.Last)
	}
	if o := got[1]; o.Protected || !strings.Contains(o.Why, "is the runner's own") || len(o.Workers) > 0 || o.Last != nil {
		t.Errorf("%+v", o)
	}
	data, err := json.Marshal(got[1])
	if err != nil || !strings.Contains(string(data), `"workers":[]`) {
		t.Errorf("%s, %v", data, err)
	}
}

// TestModes: of each living Worker is said in which _temp it is, and beside whom it came.
func TestModes(t *testing.T) {
	testkit.RequireRoot(t)
	layout := newRunner(t)
	const alone = "WORKER_WRAP_ISOLATE=alone"
	lone := startWorker(t, layout, runner.WorkerName, alone)
	private := startWorker(t, layout, runner.WorkerName, alone)
	run := startWorker(t, layout, runner.RealWorkerName)
	o, err := perpid.Owner{}.Peer(run)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []events.Event{{Kind: events.Fallback, Error: "no privilege"}, {Kind: events.Start, Outcome: events.Plain, Alive: []int{lone}}} {
		e.PID, e.Job = run, events.Process{PID: run, Start: o.Start}
		if err := events.Append(layout.Diag(), e); err != nil {
			t.Fatal(err)
		}
	}
	got, _, err := Gather([]runner.Layout{layout}, nil, true)
	if err != nil || len(got) != 1 || len(got[0].Workers) != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	w := got[0].Workers
	if w[0].PID != lone || w[0].Mode != workers.Alone || w[0].Temp != "" {
		t.Errorf("alone: %+v", w[0])
	}
	if w[1].PID != private || w[1].Mode != workers.Private || !slices.Equal(w[1].Beside, []int{lone}) || w[1].Temp == "" {
		t.Errorf("private: %+v", w[1])
	}
	if w[2].PID != run || w[2].Mode != workers.Plain || w[2].Why != "no privilege" || !slices.Equal(w[2].Beside, []int{lone}) {
		t.Errorf("not isolated: %+v", w[2])
	}
	if got[0].Harmless != 1 || got[0].Since.IsZero() {
		t.Errorf("%d harmless overlaps since %v", got[0].Harmless, got[0].Since)
	}
}

// TestWhichSettingHolds: settings that come before WORKER_WRAP_ISOLATE, or add to it, are named, and what they lead to.
func TestWhichSettingHolds(t *testing.T) {
	testkit.RequireRoot(t)
	layout := newRunner(t)
	file := filepath.Join(layout.Root, ".worker-wrap.env")
	for settings, want := range map[string]Runner{
		"ISOLATE=alone":  {Isolate: "alone", IsolateFrom: file},
		"PRIVATE=/x/own": {Isolate: "always"},
		"ISOLATE=alone\nWORKER_WRAP_PRIVATE=/x/own": {Isolate: "always", IsolateFrom: file, IsolateWhy: []string{
			"each Worker gets a _temp of its own, though WORKER_WRAP_ISOLATE is alone: that takes WORKER_WRAP_PRIVATE=/x/own in " + file,
		}},
		"ISOLATE=alone\nWORKER_WRAP_BACKING=tmpfs": {Isolate: "always", IsolateFrom: file, IsolateWhy: []string{
			"each Worker gets a _temp of its own, though WORKER_WRAP_ISOLATE is alone: that takes WORKER_WRAP_BACKING=tmpfs in " + file,
		}},
		"ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=end": {Isolate: "alone", IsolateFrom: file, IsolateWhy: []string{
			"each Worker has a mount namespace of its own, in which nothing more is mounted: WORKER_WRAP_LEFTOVERS=end in " + file,
		}},
	} {
		if err := os.WriteFile(file, []byte("WORKER_WRAP_"+settings+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		got, _, err := Gather([]runner.Layout{layout}, nil, true)
		if err != nil || len(got) != 1 || got[0].Isolate != want.Isolate || got[0].IsolateFrom != want.IsolateFrom || !slices.Equal(got[0].IsolateWhy, want.IsolateWhy) {
			t.Errorf("%s: %+v, %v", settings, got, err)
		}
	}
	if err := os.WriteFile(file, []byte("WORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_LEFTOVERS=list\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	pid := startWorker(t, layout, runner.WorkerName)
	got, _, err := Gather([]runner.Layout{layout}, nil, true)
	if err != nil || len(got) != 1 || len(got[0].Workers) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	if w := got[0].Workers[0]; w.PID != pid || w.Mode != workers.Alone || !w.Apart {
		t.Errorf("a lone Worker in a namespace of its own: %+v", w)
	}
	var b strings.Builder
	if err := workers.Print(screen.Screen{Out: &b, Now: time.Now()}, got[0].Workers); err != nil || !strings.Contains(b.String(), "  alone, own namespace  ") {
		t.Errorf("%v\n%s", err, b.String())
	}
}

func TestPrint(t *testing.T) {
	now := time.Date(2026, 4, 20, 12, 0, 0, 0, time.Local)
	at := now.AddDate(0, 0, -1)
	runners := []Runner{
		{
			Root: "/home/ci/runner", Protected: true, Version: "2.336.0", User: "ci", Isolate: "alone", IsolateFrom: "/etc/worker-wrap/settings",
			Last: &Start{Time: now.Add(-time.Minute), Outcome: "private", Waited: 1.5},
			Workers: []workers.Worker{
				{PID: 42, Since: at, Mode: workers.Private, Beside: []int{43, 7}, Bytes: 3 << 20, Partial: true, Temp: "/w/.worker-wrap/42", Step: "make\x1b[2J"},
				{PID: 43, Since: at, Mode: workers.Alone, Waited: 2},
				{PID: 47, Since: at, Mode: workers.Alone, Apart: true},
				{PID: 44, Since: at, Mode: workers.Plain, Beside: []int{43}, Why: "no privilege"},
				{PID: 45, Since: at, Mode: workers.Plain, Why: "no privilege"},
				{PID: 46, Since: at, Mode: workers.Unwrapped},
			},
			Harmless: 3, Since: at, IsolateWhy: []string{"each Worker has this", "and that"},
		},
		{Root: "/r2", Why: "Runner.Worker is the runner's own", User: "root", Isolate: "always", Last: &Start{Time: now, Outcome: "plain", Error: "no privilege"}},
		{Root: "/r3", Protected: true, Version: "2.336.0", User: "ci"},
	}
	var b strings.Builder
	if err := Print(screen.Screen{Out: &b, Now: now}, runners); err != nil {
		t.Fatal(err)
	}
	zone := now.Format(" MST")
	want := strings.ReplaceAll(`RUNNER           PROTECTED  ISOLATE                            VERSION  USER  WORKERS  LAST START
/home/ci/runner  yes        alone (/etc/worker-wrap/settings)  2.336.0  ci    6        11:59:00 ZONE private after 1.5 s
/r2              NO         always (default)                   ?        root  0        12:00:00 ZONE plain: no privilege
/r3              yes        ?                                  2.336.0  ci    0        none on record

/home/ci/runner:
  each Worker has this
  and that
  Worker 42 since 2026-04-19 12:00:00 ZONE, private, beside Worker 43 and 7, more than 3.0 MiB in /w/.worker-wrap/42, at step make`+"\uFFFD"+`[2J
  Worker 43 since 2026-04-19 12:00:00 ZONE, alone in the plain _temp, after a wait of 2.0 s
  Worker 47 since 2026-04-19 12:00:00 ZONE, alone in the plain _temp, in a mount namespace of its own
  Worker 44 since 2026-04-19 12:00:00 ZONE, in the plain _temp, though not alone, beside Worker 43, since it could not be isolated (no privilege)
  Worker 45 since 2026-04-19 12:00:00 ZONE, in the plain _temp, since it could not be isolated (no privilege)
  Worker 46 since 2026-04-19 12:00:00 ZONE, in the plain _temp: it was started without worker-wrap
  3 overlaps with another Worker made harmless since 2026-04-19 12:00:00 ZONE

/r2:
  not protected: Runner.Worker is the runner's own (see worker-wrap doctor)
`, " ZONE", zone)
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := Print(screen.Screen{Out: &b, Now: now, Width: 80}, runners); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line); n > 81 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if !strings.Contains(b.String(), "\n/home/ci/runner  yes        alone    2.336.0") || !strings.Contains(b.String(), "  last start: 12:00:00"+zone+" plain: no privilege\n") {
		t.Errorf("80 columns:\n%s", b.String())
	}
}
