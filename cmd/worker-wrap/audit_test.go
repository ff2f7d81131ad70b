package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// audit runs the subcommand and returns what it prints and its exit code.
func runAudit(t *testing.T, args ...string) (string, int, error) {
	t.Helper()
	var out bytes.Buffer
	app := &cli.App{
		Name: "worker-wrap", Writer: &out, ErrWriter: &out, Commands: []*cli.Command{auditCommand()},
		ExitErrHandler: func(*cli.Context, error) {}, Metadata: map[string]any{},
	}
	err := app.Run(append([]string{"worker-wrap", "audit"}, args...))
	var coder cli.ExitCoder
	if errors.As(err, &coder) {
		return out.String(), coder.ExitCode(), err
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), 0, nil
}

func TestAuditCommand(t *testing.T) {
	issue := filepath.Join(testkit.Root(), "internal", "evidence", "audit", "testdata", "issue-4357")
	out, code, _ := runAudit(t, issue)
	if code != cmdline.AuditFound || !strings.Contains(out, "11:55:36  Job A runs TempDirectoryManager") {
		t.Errorf("exit %d:\n%s", code, out)
	}

	page := filepath.Join(t.TempDir(), "page.html")
	out, code, _ = runAudit(t, "--json", "--html", page, issue)
	var report struct{ Totals struct{ Harmed int } }
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Totals.Harmed != 1 || code != cmdline.AuditFound {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.HasSuffix(html, []byte("</html>\n")) {
		t.Errorf("page: %v, %d bytes", err, len(html))
	}

	// The Worker of Job B alone overlaps with nothing, but missed files.
	out, code, _ = runAudit(t, filepath.Join(issue, "Worker_20260420-115519-utc.log"))
	if code != cmdline.AuditFailed || !strings.Contains(out, "Cannot tell: ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestAuditCommandErrors(t *testing.T) {
	empty := t.TempDir()
	for _, args := range [][]string{{"/nonexistent"}, {empty}, {"/etc/passwd"}, {"/dev/null"}, {"--html"}, {"--nonsense"}, {"--html", filepath.Join(empty, "no", "page"), filepath.Join(testkit.Root(), "internal/evidence/audit/testdata/issue-4357")}} {
		if _, code, err := runAudit(t, args...); code != cmdline.AuditFailed || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: exit %d, %v", args, code, err)
		}
	}
}

// TestAuditSparesLogs: --html is no switch, and what follows it is not overwritten.
func TestAuditSparesLogs(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(testkit.Root(), "internal/evidence/audit/testdata/issue-4357"))); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "Runner_20260410-225245-utc.log")
	before, _ := os.ReadFile(log)
	out, code, err := runAudit(t, "--html", log, dir)
	if code != cmdline.AuditFailed || out != "" || !strings.Contains(err.Error(), "--html PAGE.html") {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
	if after, _ := os.ReadFile(log); !bytes.Equal(before, after) {
		t.Error("the log was overwritten")
	}
}

func TestAuditFindsTheRunner(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(
		os.WriteFile(filepath.Join(root, ".runner"), []byte(`{"workFolder": "_work"}`), 0o644),
		os.CopyFS(filepath.Join(root, "_diag"), os.DirFS(filepath.Join(testkit.Root(), "internal/evidence/audit/testdata/issue-4357"))),
		os.MkdirAll(filepath.Join(root, "_work", "eos"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, filepath.Join(root, "_work", "eos"), filepath.Join(root, "_diag")} {
		t.Chdir(dir)
		if out, code, _ := runAudit(t); code != cmdline.AuditFound {
			t.Errorf("in %s: exit %d:\n%s", dir, code, out)
		}
	}
}

// TestAuditOfTheMachine: outside a runner all are audited, and one without logs hides none. So it is with those that are
// named, and with a whole life 0 means no.
func TestAuditOfTheMachine(t *testing.T) {
	out := onMachine(t, `
code ./ww audit 2>&1
{ record() { echo "[2026-04-20 11:00:$1Z INFO $2] $3"; }
	record 10 JobDispatcher "Job request 0 for plan x job aaaaaaaa-82dd received."
	record 10 ProcessInvokerWrapper "  File name: '/r/bin/Runner.Worker'"
	record 10 ProcessInvokerWrapper "Process started with process id 100, waiting for process exit."
	record 10 JobDispatcher "Send job request message to worker for job aaaaaaaa-82dd."
	record 50 JobDispatcher "Worker finished for job aaaaaaaa-82dd. Code: 100"
} >r/_diag/Runner_20260420-110000-utc.log
code ./ww audit r | grep -e ^No -e ^exit
echo "-- named"
code ./ww audit r nowhere s | grep -e jobs: -e Cannot -e skipped -e ^exit
echo "-- all"
mkdir -p /var/lib/worker-wrap
printf '%s\n' "$PWD/r" "$PWD/s" >/var/lib/worker-wrap/runners
cd /
code "$1/ww" audit | grep -e Cannot -e skipped -e ^exit
`)
	const noLogs = ": has no Runner_*.log, Worker_*.log or worker-wrap.jsonl; give a runner's _diag folder or log files\nexit 2\n"
	compareLines(t, out, `worker-wrap: no runner found: there is no .runner in $W and the folders above it, and no runner elsewhere on this machine; name a _diag folder or log files
exit 2
No: these logs tell of one Worker only.
exit 0
-- named
Cannot tell: these logs tell of one Worker only, but not everything could be read (nowhere). Give the whole _diag of the runner.
skipped: nowhere: there is no such file or folder
skipped: s`+noLogs+`-- all
Cannot tell: these logs tell of one Worker only, but not everything could be read ($W/s/_diag). Give the whole _diag of the runner.
skipped: $W/s/_diag`+noLogs)
}
