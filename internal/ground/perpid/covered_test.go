package perpid

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestCovered: a folder of a store is known where it is mounted, by whatever path, and nothing else is.
func TestCovered(t *testing.T) {
	testkit.RequireRoot(t)
	s, j := claimStore(t)
	folder := filepath.Join(s.path, j.Self.String())
	dir := filepath.Join(t.TempDir(), "with a blank")
	if err := errors.Join(os.Mkdir(folder, 0o755), os.Mkdir(folder+"/inside", 0o755), os.Mkdir(s.path+"/other", 0o755), os.Mkdir(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	bind := func(source string) string {
		t.Helper()
		target, err := os.MkdirTemp(dir, "")
		if err := errors.Join(err, unix.Mount(source, target, "", unix.MS_BIND, "")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(target, unix.MNT_DETACH) })
		return target
	}
	temp := bind(folder)
	for path, want := range map[string]bool{
		temp: true, bind(temp): true, folder: false, temp + "/inside": false, bind(folder + "/inside"): false, bind(s.path + "/other"): false, bind(s.path): false, dir: false,
	} {
		f, err := os.OpenFile(path, unix.O_PATH, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := Covered(f); got != want {
			t.Errorf("%s: %v", path, got)
		}
		f.Close()
	}
}

// TestCoveredStays: what a start covers is not swept as long as that start's lock is held, though its owner is dead; not
// even by a sweep that had begun.
func TestCoveredStays(t *testing.T) {
	testkit.RequireRoot(t)
	s, j := claimStore(t)
	dead := j.Self
	dead.Start++
	folder, temp := filepath.Join(s.path, dead.String()), t.TempDir()
	if err := errors.Join(os.Mkdir(folder, 0o755), unix.Mount(folder, temp, "", unix.MS_BIND, "")); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount(temp, unix.MNT_DETACH) }()
	f, err := os.OpenFile(temp, unix.O_PATH, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lock, err := LockCovered(f)
	if err != nil || lock == nil {
		t.Fatalf("%v, %v", lock, err)
	}
	entries, err := s.List(j)
	if err != nil || len(entries) != 1 || entries[0].Verdict != Living {
		t.Fatalf("%+v, %v", entries, err)
	}
	entry := entries[0]
	for name, sweep := range map[string]func(){
		"tidied":             func() { _, _, _ = s.Tidy(j) },
		"swept":              func() { _, _ = s.Sweep(j, Sweep{}) },
		"swept as one's own": func() { _, _ = s.Sweep(j, Sweep{Of: dead}) },
		"dissolved":          func() { _, _ = s.Dissolve(j) },
		"seen to be dead before it was locked": func() {
			var out Swept
			s.sweep(entry, Sweep{}, &out)
		},
		"renamed before it was locked": func() {
			entry := entry
			if entry.Name, err = s.rename(entry.Name, deadPrefix); err != nil {
				t.Fatal(err)
			}
			if again, err := LockCovered(f); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("a start covers what is being deleted: %v, %v", again, err)
			}
			entry.Sweeping = true
			var out Swept
			s.sweep(entry, Sweep{}, &out)
		},
	} {
		if sweep(); unix.Access(folder, unix.F_OK) != nil {
			t.Fatalf("%s: it is gone", name)
		}
	}
	lock.Close()
	_, _ = s.Sweep(j, Sweep{})
	if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it stays for ever: %v", err)
	}
}
