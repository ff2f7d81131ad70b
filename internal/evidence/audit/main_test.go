package audit

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// Writers are those of package show, which imports this one. Its external test sets them.
var Writers struct {
	Text, JSON, HTML func(*Report, io.Writer) error
}

func TestMain(m *testing.M) { testkit.Main(m) }

// folder writes files, by name, to a folder of their own.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// run audits paths and checks that the report can be written in every form.
func run(t testing.TB, paths ...string) *Report {
	t.Helper()
	r, err := Run(paths)
	if err != nil {
		t.Fatal(err)
	}
	writable(t, r)
	return r
}

func writable(t testing.TB, r *Report) {
	t.Helper()
	var out strings.Builder
	for _, write := range []error{Writers.Text(r, &out), Writers.JSON(r, &out), Writers.HTML(r, &out)} {
		if write != nil {
			t.Fatal(write)
		}
	}
}

// records makes a log of "11:55:17 Source: message" lines of 20 April 2026. A line without a time goes
// on from the one before it.
func records(lines ...string) string {
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 9 && line[2] == ':' && line[5] == ':' {
			source, message, _ := strings.Cut(line[9:], ": ")
			line = "[2026-04-20 " + line[:8] + "Z INFO " + source + "] " + message
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
