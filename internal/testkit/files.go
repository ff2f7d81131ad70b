package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// Files makes files below a new folder: name, contents.
func Files(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := Dir(t)
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
