package perpid

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestMakeRefusesOthers: a link or a file in place of the store is no store.
func TestMakeRefusesOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, StoreName)
	target := t.TempDir()
	for name, put := range map[string]func() error{
		"link to a folder": func() error { return os.Symlink(target, path) }, "dangling link": func() error { return os.Symlink(dir+"/nowhere", path) },
		"file": func() error { return os.WriteFile(path, nil, 0o600) }, "FIFO": func() error { return unix.Mkfifo(path, 0o600) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if s, err := makeIn(t, dir); err == nil {
			s.Close()
			t.Errorf("%s: taken", name)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCreateIsFresh: whatever has the name stays as it is, and is never used.
func TestCreateIsFresh(t *testing.T) {
	s, j := claimStore(t)
	path := filepath.Join(s.path, j.Self.String())
	elsewhere := t.TempDir()
	for name, put := range map[string]func() error{
		"folder": func() error { return os.MkdirAll(path+"/old", 0o777) }, "file": func() error { return os.WriteFile(path, nil, 0o600) },
		"link": func() error { return os.Symlink(elsewhere, path) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{".2", ".3"} {
			dir, err := s.Create(j.Self, s.dir)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if names, err := dir.Readdirnames(-1); len(names) != 0 {
				t.Errorf("%s: holds %q, %v", name, names, err)
			}
			if dir.Name() != path+want {
				t.Errorf("%s: %s, want %s", name, dir.Name(), path+want)
			}
			again := s.InPlace(j.Self, dir)
			if again == nil || again.Name() != dir.Name() {
				t.Errorf("%s: it is not found where it is in place", name)
			}
			again.Close()
			dir.Close()
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s: what was there is not any more: %v", name, err)
		}
		if none := s.InPlace(j.Self, s.dir); none != nil {
			none.Close()
			t.Errorf("%s: the store itself is taken for a folder in place", name)
		}
		self := j.Self.String()
		sweepAndList(t, s, j, self, self+".2", self+".3") // as long as its owner lives
		dead := j.Self
		dead.Start++ // a process that nobody has
		for _, suffix := range []string{"", ".2", ".3"} {
			if err := os.Rename(path+suffix, filepath.Join(s.path, dead.String()+suffix)); err != nil {
				t.Fatal(err)
			}
		}
		sweepAndList(t, s, j)
	}
}

// TestCreateEnds: if all names of an owner are taken, that is said.
func TestCreateEnds(t *testing.T) {
	s, j := claimStore(t)
	for n := 1; n <= mostFolders; n++ {
		if err := os.Mkdir(filepath.Join(s.path, j.Self.folder(n)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := s.Create(j.Self, s.dir)
	if err == nil {
		dir.Close()
		t.Fatal(dir.Name())
	}
	if none := s.InPlace(j.Self, s.dir); none != nil {
		none.Close()
		t.Error("the store itself is taken for a folder in place")
	}
	if !strings.Contains(err.Error(), s.path) || !strings.Contains(err.Error(), "64 entries") {
		t.Error(err)
	}
}

// TestDiscard removes what was not used, and nothing else.
func TestDiscard(t *testing.T) {
	s, j := claimStore(t)
	for range 2 {
		dir, err := s.Create(j.Self, s.dir)
		if err != nil {
			t.Fatal(err)
		}
		dir.Close()
		if dir.Name() != filepath.Join(s.path, j.Self.String()) {
			t.Errorf("the next is %s", dir.Name())
		}
		if err := s.Discard(dir.Name()); err != nil {
			t.Error(err)
		}
		if err := s.Discard(dir.Name()); err != nil {
			t.Errorf("of what is gone: %v", err)
		}
	}
	used := filepath.Join(s.path, j.Self.String())
	if err := os.MkdirAll(used+"/something", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(used); !errors.Is(err, unix.ENOTEMPTY) || !strings.Contains(err.Error(), used) {
		t.Error(err)
	}
}

// TestCreateIsLikeTemp: owner, group, mode and access lists are those of _temp, even if the store's own differ.
func TestCreateIsLikeTemp(t *testing.T) {
	testkit.RequireRoot(t)
	setfacl := testkit.RequireTool(t, "setfacl", "acl")
	getfacl := testkit.RequireTool(t, "getfacl", "acl")
	s, j := claimStore(t)
	path := t.TempDir()
	temp, err := os.OpenFile(path, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer temp.Close()
	acl := func(path string, args ...string) {
		t.Helper()
		if out, err := exec.Command(setfacl, append(args, path)...).CombinedOutput(); err != nil {
			testkit.Skip(t, "setfacl: %s", out)
		}
	}
	acl(s.path, "-d", "-m", "u:61240:rwx")
	for _, c := range []struct {
		mode uint32
		acl  []string
	}{
		{0o755, nil},
		{0o2775, nil},
		{0o1777, nil},
		{0o700, nil},
		{0o750, []string{"-m", "u:61241:r-x,d:u:61242:rwx,d:g:61243:---"}},
		{0o2770, []string{"-m", "g:61243:rwx,m:r-x"}},
	} {
		acl(path, "-b")
		if err := os.Chown(path, 61238, 61239); err != nil {
			t.Fatal(err)
		}
		if err := unix.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if c.acl != nil {
			acl(path, c.acl...)
		}
		dir, err := s.Create(j.Self, temp)
		if err != nil {
			t.Fatal(err)
		}
		facl := func(path string) string {
			out, err := exec.Command(getfacl, "-npE", path).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(string(out), "\n") // the name
			var st syscall.Stat_t
			if err := syscall.Stat(path, &st); err != nil || st.Uid != 61238 || st.Gid != 61239 {
				t.Errorf("%s: owner %d:%d, %v", path, st.Uid, st.Gid, err)
			}
			return rest
		}
		if got, want := facl(dir.Name()), facl(path); got != want {
			t.Errorf("mode %o, %q: got\n%swant\n%s", c.mode, c.acl, got, want)
		}
		dir.Close()
	}
}
