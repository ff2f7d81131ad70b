package perpid

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/tree"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// deadOwner gives the nth owner that is dead beyond doubt.
func deadOwner(j *Judge, n int) Owner {
	o := j.Self
	o.PID, o.Start = 1<<22+1+n, 1 // over the kernel's PID_MAX_LIMIT
	return o
}

// leftover makes the nth dead owner's folder.
func leftover(t *testing.T, s *Store, j *Judge, n int) string {
	t.Helper()
	path := filepath.Join(s.path, deadOwner(j, n).String())
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSweepHardTrees: whatever an owner may have left in its own folder goes.
func TestSweepHardTrees(t *testing.T) {
	s, j := claimStore(t)
	dir := leftover(t, s, j, 0)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.WriteFile(filepath.Join(dir, "new\nline\xff"), nil, 0), os.Symlink(outside, dir+"/link"), unix.Mkfifo(dir+"/fifo", 0),
		os.MkdirAll(dir+"/closed/in", 0o700), os.WriteFile(dir+"/closed/in/file", nil, 0), os.Link(outside, dir+"/hard"),
		os.Chmod(dir+"/closed/in", 0), os.Chmod(dir+"/closed", 0), os.Symlink(filepath.Dir(outside), dir+"/to-folder"),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	at, err := unix.Open(dir, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 3000 {
		if err := unix.Mkdirat(at, "d", 0o700); err != nil {
			t.Fatal(err)
		}
		next, err := unix.Openat(at, "d", unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		unix.Close(at)
		if at = next; err != nil {
			t.Fatal(err)
		}
	}
	unix.Close(at)
	if swept := sweepAndList(t, s, j); swept.Err != nil || len(swept.Deleted) != 1 {
		t.Errorf("%+v", swept)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// TestSweepStopsAtMounts: what is mounted in a dead owner's folder is not deleted, and that is told.
func TestSweepStopsAtMounts(t *testing.T) {
	testkit.RequireRoot(t)
	s, j := claimStore(t)
	source := t.TempDir()
	if err := os.WriteFile(source+"/precious", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := leftover(t, s, j, 0)
	if err := os.WriteFile(dir+"/junk", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir+"/mnt", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(source, dir+"/mnt", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	if u := tree.Measure(dir, 100); u.Files != 1 || u.Partial { // what is mounted there is not the Worker's
		t.Errorf("measured are %+v", u)
	}
	kept := keptPrefix + filepath.Base(dir)
	unmount := sync.OnceFunc(func() {
		_ = unix.Unmount(dir+"/mnt", unix.MNT_DETACH)
		_ = unix.Unmount(filepath.Join(s.path, kept, "mnt"), unix.MNT_DETACH)
	})
	defer unmount()
	if swept := sweepAndList(t, s, j, kept); swept.Err == nil || len(swept.Kept) != 1 || len(swept.Deleted) != 0 {
		t.Errorf("%+v", swept)
	}
	if _, err := os.Stat(source + "/precious"); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(s.path, kept, "junk")); err == nil {
		t.Error("what could be deleted is still there")
	}
	if swept := sweepAndList(t, s, j, kept); swept.Err != nil {
		t.Errorf("tried again unasked: %+v", swept)
	}
	unmount()
	if swept, err := s.Sweep(j, Sweep{Again: true}); err != nil || len(swept.Deleted) != 1 {
		t.Errorf("asked to try again: %+v, %v", swept, err)
	}
}

// TestSweepImmutable: even root is refused an immutable file (chattr(1)).
func TestSweepImmutable(t *testing.T) {
	testkit.RequireRoot(t)
	chattr := testkit.RequireTool(t, "chattr", "e2fsprogs")
	s, j := claimStore(t)
	dir := leftover(t, s, j, 0)
	if err := os.WriteFile(dir+"/file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(chattr, "+i", dir+"/file").CombinedOutput(); err != nil {
		testkit.Skip(t, "chattr +i: %s", out)
	}
	kept := keptPrefix + filepath.Base(dir)
	defer func() {
		for _, path := range []string{dir, filepath.Join(s.path, kept)} {
			_ = exec.Command(chattr, "-i", path+"/file").Run()
		}
	}()
	swept := sweepAndList(t, s, j, kept)
	if swept.Err == nil || !strings.Contains(swept.Err.Error(), "operation not permitted") {
		t.Errorf("%+v", swept)
	}
}

// TestSweepAtOnce: many sweepers of one store, and each entry is deleted by one or more, whole, with no complaint.
func TestSweepAtOnce(t *testing.T) {
	s, j := claimStore(t)
	for n := range 100 {
		dir := leftover(t, s, j, n)
		for i := range 5 {
			if err := os.MkdirAll(fmt.Sprintf("%s/%d/%d", dir, i, i), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			own, err := Open(s.path)
			if err != nil {
				t.Error(err)
				return
			}
			defer own.Close()
			if swept, err := own.Sweep(j, Sweep{Parallel: 2}); err != nil || swept.Err != nil {
				t.Errorf("%v, %v", swept.Err, err)
			}
		})
	}
	wg.Wait()
	sweepAndList(t, s, j)
}

// TestRenameReplacesNothing: what is renamed for deletion does not take the place of what was so before.
func TestRenameReplacesNothing(t *testing.T) {
	s, j := claimStore(t)
	name := j.Self.String()
	for _, want := range []string{"dead." + name, "dead." + name + ".1", "dead." + name + ".2"} {
		if err := os.MkdirAll(filepath.Join(s.path, name, want), 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := s.rename(name, deadPrefix); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
		if _, err := os.Stat(filepath.Join(s.path, want, want)); err != nil {
			t.Error(err)
		}
	}
}

// TestRenameFails says of what.
func TestRenameFails(t *testing.T) {
	s, _ := claimStore(t)
	name := strings.Repeat("n", 255) // NAME_MAX; with the prefix it is longer
	if err := os.Mkdir(filepath.Join(s.path, name), 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := s.rename(name, deadPrefix); !errors.Is(err, unix.ENAMETOOLONG) || got != "" || !strings.Contains(err.Error(), s.path) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestSweepKnowsNames: only what worker-wrap has renamed is deleted, whatever prefix a name has.
func TestSweepKnowsNames(t *testing.T) {
	s, j := claimStore(t)
	strangers := []string{"dead.x", "undeletable.x", "dead.", "dead.1-2-3", "x", "dead.real"}
	dead := j.Self
	dead.Start++
	for _, name := range append([]string{"dead." + dead.String(), "dead." + dead.String() + ".1", "undeletable." + dead.String() + ".docker.sock"}, strangers...) {
		if err := os.MkdirAll(filepath.Join(s.path, name, "in"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Sweep(j, Sweep{Again: true}); err != nil {
		t.Fatal(err)
	}
	sweepAndList(t, s, j, strangers...)
}
