package tree

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
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
		r := Removal{deleted: &deleted}
		gone := func(when string, want int64) {
			t.Helper()
			if r.failed != 0 || r.first != nil || deleted.Load() != want {
				t.Errorf("%s, %s: %d failures (%v), %d deleted; want 0, %d", name, when, r.failed, r.first, deleted.Load(), want)
			}
		}
		r.Remove(dir, name)
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
		r.Remove(dir, name)
		gone("there", 1)
		r.Remove(dir, name)
		gone("there no more", 1)
	}
}

// TestDescendFollowsNothing: what a sweep goes down into is a folder of the folder that it is in, never a link's target
// or a folder above. Nothing but a folder is opened.
func TestDescendFollowsNothing(t *testing.T) {
	top := t.TempDir()
	if err := errors.Join(
		os.MkdirAll(top+"/store/folder", 0o755), os.Mkdir(top+"/victim", 0o755), os.Mkdir(top+"/store/closed", 0),
		os.Symlink(top+"/victim", top+"/store/absolute"), os.Symlink("../victim", top+"/store/relative"), os.Symlink("folder", top+"/store/within"),
		os.Symlink("closed", top+"/store/to-closed"), os.Symlink("/", top+"/store/root"), os.Symlink("/proc/self/cwd", top+"/store/magic"),
		os.WriteFile(top+"/store/file", nil, 0o600), unix.Mkfifo(top+"/store/fifo", 0o600),
	); err != nil {
		t.Fatal(err)
	}
	dir, err := os.Open(top + "/store")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	for name, want := range map[string]error{
		// O_DIRECTORY with O_NOFOLLOW, and O_PATH without, say ENOTDIR before RESOLVE_NO_SYMLINKS says ELOOP.
		"absolute": unix.ENOTDIR, "relative": unix.ENOTDIR, "within": unix.ENOTDIR, "to-closed": unix.ENOTDIR, "root": unix.ENOTDIR, "magic": unix.ENOTDIR,
		"file": unix.ENOTDIR, "fifo": unix.ENOTDIR, "none": fs.ErrNotExist,
		// By a name that List does not give, but which would lead on.
		"absolute/": unix.ELOOP, "relative/.": unix.ELOOP, "within/..": unix.ELOOP, "../victim": unix.EXDEV, "..": unix.EXDEV, top + "/victim": unix.EXDEV,
	} {
		for as, open := range map[string]func() (*os.File, error){
			"to read": func() (*os.File, error) { return descend(dir, name) },
			"to hold": func() (*os.File, error) { return beneath(dir, name, unix.O_PATH) },
		} {
			f, err := open()
			if err == nil {
				f.Close()
			}
			if !errors.Is(err, want) {
				t.Errorf("%s, %s: %v, want %v", name, as, err, want)
			}
		}
	}
	for _, name := range []string{"folder", "closed"} {
		f, err := descend(dir, name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		f.Close()
	}
}

// TestMeasure counts what it may and says where that was not all.
func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(dir+"/a/b", 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one", "a/two", "a/b/three"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if u := Measure(dir, 100); u.Files != 3 || u.Partial || u.Bytes == 0 {
		t.Errorf("%+v", u)
	}
	if u := Measure(dir, 3); u.Files >= 3 || !u.Partial {
		t.Errorf("at most 3 entries: %+v", u)
	}
	var u Usage
	root, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := u.entry(root, "deleted-meanwhile", new(int64)); err != nil || u != (Usage{}) {
		t.Errorf("of what was deleted meanwhile: %+v, %v", u, err)
	}
	if u := Measure(dir+"/none", 100); u != (Usage{Partial: true}) {
		t.Errorf("of nothing: %+v", u)
	}
}
