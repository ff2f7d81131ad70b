package perpid

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// TestRemovalOfWhatIsGone: what somebody else deletes between two looks at it is neither an error nor counted.
func TestRemovalOfWhatIsGone(t *testing.T) {
	path := t.TempDir()
	dir, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for _, name := range []string{"file", "folder"} {
		var deleted atomic.Int64
		r := removal{deleted: &deleted}
		gone := func(when string, want int64) {
			t.Helper()
			if r.failed != 0 || r.first != nil || deleted.Load() != want {
				t.Errorf("%s, %s: %d failures (%v), %d deleted; want 0, %d", name, when, r.failed, r.first, deleted.Load(), want)
			}
		}
		r.remove(dir, name)
		gone("never there", 0)
		if err := r.folder(dir, name); err != nil {
			t.Error(err)
		}
		gone("an empty folder, never there", 0)
		if name == "file" {
			err = os.WriteFile(filepath.Join(path, name), nil, 0o600)
		} else {
			err = os.MkdirAll(filepath.Join(path, name), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		r.remove(dir, name)
		gone("there", 1)
		r.remove(dir, name)
		gone("there no more", 1)
	}
}
