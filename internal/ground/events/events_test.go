package events

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// limitedVar makes the test binary a process that may write ten bytes, for TestFileSizeLimit.
const limitedVar = "WORKER_WRAP_TEST_LIMITED"

// appendVar makes the test binary a process that appends, for TestManyProcesses.
const appendVar = "WORKER_WRAP_TEST_APPEND"

func TestMain(m *testing.M) {
	if dir := os.Getenv(appendVar); dir != "" {
		for i := range 200 {
			if err := appendEvent(dir, Event{Kind: Start, PID: os.Getpid(), Files: int64(i + 1)}, 40_000); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		}
		os.Exit(0)
	}
	if dir := os.Getenv(limitedVar); dir != "" {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 10, Max: 10}); err != nil {
			os.Exit(1)
		}
		fmt.Fprint(os.Stderr, Append(dir, full()))
		os.Exit(0)
	}
	testkit.Main(m)
}

func full() Event {
	return Event{
		Time: time.Date(2026, 4, 20, 11, 55, 19, 123456789, time.UTC), Kind: Start, PID: 1449281,
		Job: Process{1449281, 987654321, "/home/r/bin/Runner.Worker"}, Dir: "/home/r/_work/.worker-wrap/1449281-987654321",
		Namespace: 4026532571, Alive: []int{1431550}, Files: 3, Bytes: 12345,
		Stages:  Stages{{"zeta", 120 * time.Microsecond}, {"alpha", 9 * time.Microsecond}},
		Outcome: "private", Error: "a \"quoted\" \\ line\nwith\x01\x7fcontrols and ünï☃",
	}
}

func readAll(t *testing.T, path string) (events []Event, bad int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for e, err := range Read(f) {
		var b *BadLine
		switch {
		case errors.As(err, &b):
			bad++
		case err != nil:
			t.Fatal(err)
		case e.Kind == Total && e.Count == 0: // of nothing that these tests count
		default:
			events = append(events, e)
		}
	}
	return events, bad
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	dir := t.TempDir()
	want := []Event{full(), {Time: full().Time, Kind: Sweep, PID: 7, Job: Process{PID: 6}}}
	for _, e := range want {
		if err := Append(dir, e); err != nil {
			t.Fatal(err)
		}
	}
	got, bad := readAll(t, filepath.Join(dir, FileName))
	if bad != 0 || !reflect.DeepEqual(got, want) {
		t.Fatalf("read\n%+v (%d bad)\nwant\n%+v", got, bad, want)
	}
}

// TestNothingComesBack: a Worker's end makes no file, if the runner was taken out meanwhile; it is recorded while another
// process renames the full one.
func TestNothingComesBack(t *testing.T) {
	dir := t.TempDir()
	if err := Append(dir, Event{Kind: End, PID: 7}); err != nil {
		t.Error(err)
	}
	if got, _ := filepath.Glob(dir + "/*"); len(got) > 0 {
		t.Errorf("there is %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, RotatedName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Append(dir, Event{Kind: End, PID: 7}); err != nil {
		t.Fatal(err)
	}
	if got, _ := readAll(t, filepath.Join(dir, FileName)); len(got) != 1 {
		t.Errorf("recorded: %+v", got)
	}
}

func TestNowWhereNoTimeIsGiven(t *testing.T) {
	dir, before := t.TempDir(), time.Now()
	if err := Append(dir, Event{Kind: Wait}); err != nil {
		t.Fatal(err)
	}
	got, _ := readAll(t, filepath.Join(dir, FileName))
	if len(got) != 1 || got[0].Time.Before(before) || got[0].Time.After(time.Now()) || got[0].Time.Location() != time.UTC {
		t.Fatalf("got %+v, want one event of this moment in UTC", got)
	}
}

func TestLongestLine(t *testing.T) {
	for _, filler := range []string{"a", "\x01", "\"", "☃", "\xff", "😀"} {
		long := strings.Repeat(filler, 5000)
		e := full()
		e.Time = e.Time.Add(-1) // …788: nine digits
		e.Kind, e.Outcome, e.Error, e.Dir, e.Job.Exe = Kind(long), long, long, long, long
		e.PID, e.Job.PID, e.Job.Start, e.Namespace = math.MinInt, math.MinInt, math.MaxUint64, math.MaxUint64
		e.Files, e.Bytes, e.Alive, e.Stages = math.MinInt64, math.MinInt64, nil, nil
		for range 100 {
			e.Alive = append(e.Alive, 4194304) // PID_MAX_LIMIT on 64 bits
			e.Stages = append(e.Stages, Stage{long, 24 * time.Hour})
		}
		line := AppendLine(nil, &e)
		if len(line) >= maxLine {
			t.Errorf("filler %q: a line of %d bytes", filler, len(line))
		}
		got, err := parse(line)
		if err != nil {
			t.Fatalf("filler %q: %v\n%s", filler, err, line)
		}
		if len(got.Alive) != maxAlive || got.AliveTotal != 100 || !strings.HasSuffix(got.Dir, "…") {
			t.Errorf("filler %q: %d alive of %d, dir ends %q", filler, len(got.Alive), got.AliveTotal, got.Dir[len(got.Dir)-5:])
		}
	}
}

func TestRefusedWithoutBlocking(t *testing.T) {
	for name, prepare := range map[string]func(path string) error{
		"fifo":     func(p string) error { return syscall.Mkfifo(p, 0o666) },
		"folder":   func(p string) error { return os.Mkdir(p, 0o777) },
		"symlink":  func(p string) error { return os.Symlink(filepath.Join(filepath.Dir(p), "elsewhere"), p) },
		"dangling": func(p string) error { return os.Symlink("/nonexistent/x", p) },
		"device": func(p string) error {
			if os.Getuid() != 0 {
				return os.Symlink("/dev/null", p)
			}
			return syscall.Mknod(p, syscall.S_IFCHR|0o666, 1<<8|3)
		},
		"hard link": func(p string) error {
			other := filepath.Join(filepath.Dir(p), "elsewhere")
			if err := os.WriteFile(other, nil, 0o644); err != nil {
				return err
			}
			return os.Link(other, p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := prepare(filepath.Join(dir, FileName)); err != nil {
				t.Fatal(err)
			}
			if name == "fifo" { // with a reader, so that opening it for writing would succeed
				r, err := os.OpenFile(filepath.Join(dir, FileName), os.O_RDONLY|syscall.O_NONBLOCK, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
			}
			if err := Append(dir, full()); err == nil || !strings.Contains(err.Error(), FileName) {
				t.Fatalf("error %v, want one that names the file", err)
			}
			if data, _ := os.ReadFile(filepath.Join(dir, "elsewhere")); len(data) > 0 {
				t.Fatalf("wrote %q through the link", data)
			}
		})
	}
	if err := Append(filepath.Join(t.TempDir(), "missing"), full()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestRootFollowsNoLinkAndGivesTheFileAway(t *testing.T) {
	testkit.RequireRoot(t)
	dir := t.TempDir()
	diag := filepath.Join(dir, "_diag")
	if err := errors.Join(os.Mkdir(diag, 0o755), os.Chown(diag, 65534, 65534), os.Symlink("_diag", filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	if err := Append(filepath.Join(dir, "link"), full()); err == nil {
		t.Error("root wrote through a linked _diag")
	}
	if err := Append(diag, full()); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(diag, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if uid := st.Sys().(*syscall.Stat_t).Uid; uid != 65534 {
		t.Errorf("the file belongs to uid %d, want the folder's owner", uid)
	}
}

func TestFullFileIsRenamedOnce(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		if err := appendEvent(dir, Event{Kind: Start, PID: i + 1}, 1000); err != nil {
			t.Fatal(err)
		}
	}
	now, _ := readAll(t, filepath.Join(dir, FileName))
	before, _ := readAll(t, filepath.Join(dir, RotatedName))
	all := append(before, now...)
	for i, e := range all {
		if e.PID != 30-len(all)+i+1 {
			t.Fatalf("event %d of %d is of PID %d", i, len(all), e.PID)
		}
	}
	if len(now) == 0 || len(before) == 0 || all[len(all)-1].PID != 30 {
		t.Fatalf("%d events now, %d before", len(now), len(before))
	}
}

func TestLockedFullFileStaysBounded(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FileName)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	var last error
	for range 60 {
		last = appendEvent(dir, Event{Kind: Start, PID: 1}, 1000)
	}
	st, err := f.Stat()
	if err != nil || last == nil || st.Size() < 2000 || st.Size() > 2000+maxLine {
		t.Fatalf("size %d, last error %v; want about 2000 and an error", st.Size(), last)
	}
}

// TestManyProcesses has processes append and rotate at once. Of what the two files still hold, every line is whole. Of
// each process the events that are left are its last ones without a gap.
func TestManyProcesses(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), appendVar+"="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	before, bad1 := readAll(t, filepath.Join(dir, RotatedName))
	now, bad2 := readAll(t, filepath.Join(dir, FileName))
	if bad1+bad2 > 0 || len(before) < 100 {
		t.Fatalf("%d broken lines, %d events in the renamed file", bad1+bad2, len(before))
	}
	seen := map[int]int64{}
	for _, e := range append(before, now...) {
		if last, ok := seen[e.PID]; ok && e.Files != last+1 {
			t.Fatalf("process %d: event %d after %d", e.PID, e.Files, last)
		}
		seen[e.PID] = e.Files
	}
}

// TestFileSizeLimit: the signal that a write over RLIMIT_FSIZE brings must not end a start, and what was
// written does not hide the next line.
func TestFileSizeLimit(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), limitedVar+"="+dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "only 10 of ") {
		t.Fatalf("%v: %s", err, out)
	}
	if err := Append(dir, full()); err != nil {
		t.Fatal(err)
	}
	if got, bad := readAll(t, filepath.Join(dir, FileName)); len(got) != 1 || bad != 0 {
		t.Errorf("%d events, %d bad lines; want the whole one", len(got), bad)
	}
}

func TestReadSkipsWhatIsBroken(t *testing.T) {
	whole := string(AppendLine(nil, &Event{Time: full().Time, Kind: Start, PID: 5}))
	input := "\n" + whole[:20] + whole + "garbage\n{}\n" + strings.Repeat("x", 100_000) + "\n" + whole + whole[:30]
	var got, bad int
	for e, err := range Read(strings.NewReader(input)) {
		var b *BadLine
		switch {
		case errors.As(err, &b):
			bad++
		case err != nil:
			t.Fatal(err)
		case e.PID == 5:
			got++
		}
	}
	if got != 2 || bad != 4 {
		t.Errorf("%d events and %d bad lines, want 2 and 4", got, bad)
	}
}

func FuzzRead(f *testing.F) {
	e := full()
	f.Add(AppendLine(nil, &e))
	f.Add([]byte(`{"time":"2026-01-01T00:00:00Z","kind":"start","stages_us":{"a":1,"a":-2}}`))
	f.Add([]byte(`{"time":"{"time":"2026-01-01T00:00:00Z","kind":"x","job":null,"stages_us":null,"alive":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for e, err := range Read(bytes.NewReader(data)) {
			if err != nil {
				continue
			}
			line := AppendLine(nil, &e)
			if len(line) >= maxLine || bytes.Count(line, []byte{'\n'}) != 1 {
				t.Fatalf("%d bytes: %q", len(line), line)
			}
			if _, err := parseWhole(line); err != nil && e.Time.Year() >= 0 && e.Time.Year() <= 9999 {
				t.Fatalf("%v: %q", err, line)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	dir := b.TempDir()
	e := full()
	for b.Loop() {
		if err := Append(dir, e); err != nil {
			b.Fatal(err)
		}
	}
}

// TestTotal: what was counted before the file was full, and full again, stays counted, once.
func TestTotal(t *testing.T) {
	dir := t.TempDir()
	first := time.Date(2026, 4, 20, 12, 0, 0, 0, time.UTC)
	for i := range 50 {
		e := Event{Time: first.Add(time.Duration(i) * time.Second), Kind: Start, PID: i + 1, Outcome: Private, Alive: []int{1}}
		if err := appendEvent(dir, e, 1000); err != nil {
			t.Fatal(err)
		}
		var tally Tally
		older := false
		for _, path := range Files(dir) {
			if _, err := os.Lstat(path); err != nil {
				continue
			}
			all, _ := readAll(t, path)
			for _, e := range all {
				tally.Add(e, older)
			}
			older = len(all) > 0
		}
		if tally.Harmless != i+1 || !tally.Since.Time.Equal(first) {
			t.Fatalf("after %d starts %d are counted, since %v", i+1, tally.Harmless, tally.Since.Time)
		}
	}
}
