package show_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/evidence/audit"
	"github.com/worker-wrap/worker-wrap/internal/evidence/audit/show"
)

// TestSaveHTMLSparesFiles: whatever is at the path already stays, be it a log, a page, a link or a folder.
func TestSaveHTMLSparesFiles(t *testing.T) {
	r, err := audit.Run([]string{"../testdata/issue-4357"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, empty := filepath.Join(dir, "Runner_20260410-225245-utc.log"), filepath.Join(dir, "empty")
	if err := errors.Join(os.WriteFile(log, []byte("[2026-04-20 11:00:00Z INFO Worker] Version: 2.333.1\n"), 0o644), os.WriteFile(empty, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	page, link, dangling := filepath.Join(dir, "page.html"), filepath.Join(dir, "link.html"), filepath.Join(dir, "dangling")
	if err := errors.Join(show.SaveHTML(r, page), os.Symlink("page.html", link), os.Symlink("nowhere", dangling)); err != nil {
		t.Fatal(err)
	}
	if content, _ := os.ReadFile(page); !bytes.HasSuffix(content, []byte("</html>\n")) {
		t.Errorf("%d bytes", len(content))
	}
	for _, path := range []string{page, link, dangling, log, empty, dir} {
		before, _ := os.ReadFile(path)
		err := show.SaveHTML(r, path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--html PAGE.html") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", path)
		}
	}
	if err := show.SaveHTML(r, filepath.Join(dir, "no", "page")); err == nil {
		t.Error("no error for a folder that is not there")
	}
	if names, _ := os.ReadDir(dir); len(names) != 5 {
		t.Errorf("%v", names)
	}
}
