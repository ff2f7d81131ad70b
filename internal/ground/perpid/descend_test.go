package perpid

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestDescendFollowsNothing: what a sweep goes down into is a folder of the folder that it is in, never what a link
// leads to or what lies above, and what is no folder is not opened.
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

// TestSweepLeavesWhereLinksLead: what a dead Worker left as links is deleted, and not what they lead to.
func TestSweepLeavesWhereLinksLead(t *testing.T) {
	s, j := claimStore(t)
	victim := filepath.Join(t.TempDir(), "victim")
	dead := j.Self
	dead.PID, dead.Start = 1<<22+1, 1
	left := filepath.Join(s.path, dead.String())
	if err := errors.Join(
		os.MkdirAll(victim+"/kept", 0o755), os.MkdirAll(left+"/d", 0o755), os.Symlink(victim, left+"/absolute"), os.Symlink("../absolute", left+"/d/relative"),
		os.Symlink(victim, s.path+"/"+dead.folder(2)),
	); err != nil {
		t.Fatal(err)
	}
	swept, err := s.Sweep(j, Sweep{Again: true, Parallel: 4})
	if err != nil || swept.Err != nil {
		t.Errorf("%+v, %v", swept, err)
	}
	if names, err := os.ReadDir(s.path); err != nil || len(names) != 0 {
		t.Errorf("left are %v (%v)", names, err)
	}
	if _, err := os.Stat(victim + "/kept"); err != nil {
		t.Error(err)
	}
}
