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
	if code != auditFound || !strings.Contains(out, "11:55:36  Job A runs TempDirectoryManager") {
		t.Errorf("exit %d:\n%s", code, out)
	}

	page := filepath.Join(t.TempDir(), "page.html")
	out, code, _ = runAudit(t, "--json", "--html", page, issue)
	var report struct{ Totals struct{ Harmed int } }
	if err := json.Unmarshal([]byte(out), &report); err != nil || report.Totals.Harmed != 1 || code != auditFound {
		t.Errorf("exit %d, %v:\n%s", code, err, out)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.HasSuffix(html, []byte("</html>\n")) {
		t.Errorf("page: %v, %d bytes", err, len(html))
	}

	// The Worker of Job B alone overlaps with nothing, but missed files.
	out, code, _ = runAudit(t, filepath.Join(issue, "Worker_20260420-115519-utc.log"))
	if code != auditFailed || !strings.Contains(out, "Cannot tell: ") {
		t.Errorf("exit %d:\n%s", code, out)
	}
}

func TestAuditCommandErrors(t *testing.T) {
	empty := t.TempDir()
	for _, args := range [][]string{{"/nonexistent"}, {empty}, {"/etc/passwd"}, {"/dev/null"}, {"--html"}, {"--nonsense"}, {"--html", filepath.Join(empty, "no", "page"), filepath.Join(testkit.Root(), "internal/evidence/audit/testdata/issue-4357")}} {
		if _, code, err := runAudit(t, args...); code != auditFailed || strings.Contains(err.Error(), "\n") {
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
	if code != auditFailed || out != "" || !strings.Contains(err.Error(), "--html PAGE.html") {
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
		if out, code, _ := runAudit(t); code != auditFound {
			t.Errorf("in %s: exit %d:\n%s", dir, code, out)
		}
	}
	t.Chdir(t.TempDir())
	if _, code, err := runAudit(t); code != auditFailed || !strings.Contains(err.Error(), "name a _diag folder") {
		t.Errorf("exit %d, %v", code, err)
	}
}
