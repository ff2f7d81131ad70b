package audit

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSaveHTMLSparesFiles: only a page of ours is replaced, and no log, be it one of the audit or not.
func TestSaveHTMLSparesFiles(t *testing.T) {
	r := run(t, issueDir)
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		return path
	}
	logText := "[2026-04-20 11:00:00Z INFO Worker] Version: 2.333.1\n"
	link := filepath.Join(dir, "link.html")
	if err := os.Symlink(file("notes.html", "<!DOCTYPE html>\n<html>mine</html>"), link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		file("Runner_20260410-225245-utc.log", logText), file("Worker_20260410-225245-utc.log.gz", ""), file("worker-wrap.jsonl", "{"),
		file("all.txt", logText), file("other.html", "<!DOCTYPE html>\n<html><title>mine</title>"), link, dir,
	} {
		before, _ := os.ReadFile(path)
		err := r.SaveHTML(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "--html PAGE.html") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", path, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s was changed", path)
		}
	}
	if err := MayReplace(filepath.Join(dir, "Runner_20260411-000000-utc.log"), nil); err == nil {
		t.Error("a new file with the name of a log")
	}
	input := file("pasted", "")
	if err := MayReplace(input, []string{dir, input}); err == nil || !strings.Contains(err.Error(), "is to be audited itself") {
		t.Errorf("%v", err)
	}
}

func TestSaveHTMLReplacesWhole(t *testing.T) {
	r := run(t, issueDir)
	dir := t.TempDir()
	page, link := filepath.Join(dir, "page.html"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(page, nil, 0o640), os.Symlink("page.html", link)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{page, page, link, "/dev/null"} { // empty, then a page of ours
		if err := r.SaveHTML(path); err != nil {
			t.Fatal(err)
		}
	}
	st, err := os.Lstat(page)
	if err != nil || st.Mode() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if content, _ := os.ReadFile(page); !bytes.HasSuffix(content, []byte("</html>\n")) {
		t.Errorf("%d bytes", len(content))
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("%v", names)
	}
	if err := r.SaveHTML(filepath.Join(dir, "no", "page")); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
