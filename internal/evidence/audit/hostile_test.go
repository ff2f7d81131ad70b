package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestTruncated cuts the issue's logs everywhere: fewer rows, never a crash, and never an incident that
// the whole logs do not have.
func TestTruncated(t *testing.T) {
	contents := map[string]string{}
	for _, path := range issueFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[filepath.Base(path)] = string(data)
	}
	dir := t.TempDir()
	for cut := 0; cut < 2000; cut += 37 {
		for name, content := range contents {
			for _, part := range []string{content[:min(cut, len(content))], content[min(cut, len(content)):]} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(part), 0o644); err != nil {
					t.Fatal(err)
				}
				r, err := Run([]string{dir})
				if err != nil && strings.Contains(err.Error(), "no record of a runner") {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if r.Totals.Overlaps > 1 || r.Totals.Harmed > 1 || r.Totals.Jobs > 3 {
					t.Errorf("cut at %d: %+v", cut, r.Totals)
				}
			}
		}
	}
}

func TestBrokenGzipIsReadToTheBreak(t *testing.T) {
	files := map[string]string{}
	for _, path := range issueFiles(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// What is missing is the checksum, after the last line.
		z := zipped(string(data))
		files[filepath.Base(path)+".gz"] = z[:len(z)-4]
	}
	r := run(t, folder(t, files))
	checkIssue(t, r)
	if len(r.Skipped.Files) != 3 || !strings.Contains(r.Skipped.Files[0].Why, "EOF") {
		t.Errorf("skipped %+v", r.Skipped)
	}
}

func TestSkippedIsCounted(t *testing.T) {
	dir := folder(t, map[string]string{
		name("Worker", 0): " the rest of a record\n" + records(
			"11:00:01 JobRunner: Job ID "+jobA,
			"[2026-13-45 99:99:99Z INFO JobRunner] Job ID "+jobB,
			"[2026-04-20 11:00:02Z IN[2026-04-20 11:00:03Z INFO Worker] Waiting to receive the job message",
			"[2026-04-20 11:0",
			"11:00:00 Worker: earlier than the one before",
			strings.Repeat("long", 10_000)),
		"worker-wrap.jsonl": "{\n",
	})
	if err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "Worker_fifo.log"), 0o600),
		os.Symlink("nowhere", filepath.Join(dir, "Runner_dangling.log"))); err != nil {
		t.Fatal(err)
	}
	s := run(t, dir).Skipped
	if len(s.Files) != 2 || s.LongLines != 1 || s.Torn != 1 || s.BadHeaders < 1 || s.Headless != 1 || s.Backwards != 1 || s.BadEvents != 1 {
		t.Errorf("%+v", s)
	}
	if len(s.Lines()) != 8 {
		t.Errorf("%q", s.Lines())
	}
}

func TestErrorsNameTheWay(t *testing.T) {
	empty := t.TempDir()
	garbage := folder(t, map[string]string{name("Runner", 0): "no record\n", name("Worker", 0): "", "worker-wrap.jsonl": "{\n"})
	for path, want := range map[string]string{
		empty: "give a runner's _diag folder", filepath.Join(empty, "x"): "no such file",
		"/etc/passwd": "nothing could be audited: /etc/passwd: is not a log", "/dev/null": "nothing could be audited: /dev/null: ",
		garbage: "nothing could be audited: no record of a runner in 3 files",
	} {
		if _, err := Run([]string{path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestHostileTexts has names and errors that try to write to the terminal and into the page.
func TestHostileTexts(t *testing.T) {
	const evil = "<script>alert(1)</script>\x1b[2J\u202e&amp;\"'\x07 \u009b31m"
	r := run(t, folder(t, map[string]string{
		name("Runner", 0): records(append(dispatch(jobA, 100, 0, 60, 100),
			"11:01:00 JobDispatcher: Job request 0 for plan x job "+jobB+" received.",
			"11:01:00 Terminal: WRITE LINE: 2026-04-20 11:00:00Z: Running job: "+evil,
			"11:01:00 JobDispatcher: Successfully renew job "+jobB+", job is valid till "+evil)...),
		name("Worker", 0): workerLines(jobA, 0, 100),
		name("Worker", 60): strings.Replace(workerLines(jobB, 60, 150,
			"11:01:45 StepsRunner: Processing step: DisplayName='"+evil+"'",
			"11:01:50 X: "+evil+" ENOENT "+temp+"/"+evil), "Version: 2", "Version: "+evil, 1),
	}))
	if r.Totals.Harmed != 1 {
		t.Fatalf("%+v", r.Totals)
	}
	var screen, page bytes.Buffer
	if err := errors.Join(Writers.Text(r, &screen), Writers.HTML(r, &page)); err != nil {
		t.Fatal(err)
	}
	for _, out := range []*bytes.Buffer{&screen, &page} {
		if i := strings.IndexFunc(out.String(), func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x202e
		}); i >= 0 {
			t.Errorf("a control character: %q", out.String()[max(0, i-40):i+10])
		}
	}
	if strings.Contains(page.String(), "<script") || !strings.Contains(page.String(), "&lt;script&gt;") {
		t.Error("a script in the page")
	}
}

// TestManyJobs: time and memory are in proportion to the jobs, overlaps or not.
func TestManyJobs(t *testing.T) {
	var b strings.Builder
	const jobs = 20_000
	for i := range jobs { // each overlaps with all the others
		fmt.Fprintf(&b, "[2026-04-20 11:00:%02dZ INFO X] Job request 0 for plan p job %08x-0000 received.\n", i*60/jobs, i)
		fmt.Fprintf(&b, "[2026-04-20 11:00:%02dZ INFO X]   File name: '/bin/Runner.Worker'\n", i*60/jobs)
		fmt.Fprintf(&b, "[2026-04-20 11:00:%02dZ INFO X] Process started with process id %d, waiting\n", i*60/jobs, i+1)
		fmt.Fprintf(&b, "[2026-04-20 11:00:%02dZ INFO X] Send job request message to worker for job %08x-0000.\n", i*60/jobs, i)
	}
	for i := range jobs {
		fmt.Fprintf(&b, "[2026-04-20 11:10:00Z INFO X] Worker finished for job %08x-0000. Code: 100\n", i)
	}
	r := run(t, folder(t, map[string]string{name("Runner", 0): b.String()}))
	if r.Totals.Jobs < jobs || len(r.Incidents) > maxPairs*jobs {
		t.Errorf("%+v", r.Totals)
	}
}

// FuzzRun audits two logs of any content.
func FuzzRun(f *testing.F) {
	var seeds []string
	paths, _ := filepath.Glob(issueDir + "/*.log")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		seeds = append(seeds, string(data))
	}
	f.Add([]byte(seeds[0]), []byte(seeds[1]), []byte(seeds[2]))
	f.Add([]byte(records(dispatch(jobA, 100, 0, 60, 100)...)), []byte(workerLines(jobA, 0, 60)), []byte(workerLines(jobB, 30, 90)))
	f.Add([]byte(zipped(seeds[0])), []byte("\ufeff"+seeds[1]), []byte("\xfe\xff\xd8"))
	f.Add([]byte("\x1f\x8b"), []byte("[2026-04-20 11:00:00Z INFO X] "), []byte(`{"time":"2026-04-20T11:00:00Z","kind":"start","alive":[1]}`))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, listener, a, b []byte) {
		mine := filepath.Join(dir, fmt.Sprint(os.Getpid()))
		if err := os.MkdirAll(mine, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"Runner_20260410-225245-utc.log": listener, "Worker_20260420-114836-utc.log": a,
			"Worker_20260420-115519-utc.log": b, "worker-wrap.jsonl": b,
			"joined": slices.Concat(listener, a, b),
		} {
			if err := os.WriteFile(filepath.Join(mine, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		r, err := Run([]string{mine, filepath.Join(mine, "joined")})
		if err != nil {
			return // no record in any of them
		}
		writable(t, r)
		for _, i := range r.Incidents {
			if i.Seconds < 0 || i.Seconds == 0 && i.overlap.a.Beside != i.overlap.b || i.A.Start.After(i.B.Start) || i.To.After(i.A.End) || i.To.After(i.B.End) || len(i.Timeline) == 0 {
				t.Fatalf("%+v", i)
			}
		}
	})
}
