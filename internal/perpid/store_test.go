package perpid

import (
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
	like, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, StoreName)
	target := t.TempDir()
	for name, put := range map[string]func() error{
		"link to a folder": func() error { return os.Symlink(target, path) }, "dangling link": func() error { return os.Symlink(dir+"/nowhere", path) },
		"file": func() error { return os.WriteFile(path, nil, 0o600) }, "FIFO": func() error { return unix.Mkfifo(path, 0o600) },
	} {
		if err := put(); err != nil {
			t.Fatal(err)
		}
		if s, err := Make(path, like); err == nil {
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

// TestCreateIsFresh: whatever has the name is moved aside with what it holds, and never used.
func TestCreateIsFresh(t *testing.T) {
	s, j := claimStore(t)
	path := filepath.Join(s.path, j.Self.String())
	for name, put := range map[string]func() error{
		"folder": func() error { return os.MkdirAll(path+"/old", 0o777) }, "file": func() error { return os.WriteFile(path, nil, 0o600) },
		"link": func() error { return os.Symlink(t.TempDir(), path) },
	} {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		dir, err := s.Create(j.Self, s.dir)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if names, err := dir.Readdirnames(-1); len(names) != 0 {
			t.Errorf("%s: holds %q, %v", name, names, err)
		}
		dir.Close()
		if aside, _ := filepath.Glob(filepath.Join(s.path, deadPrefix+"*")); len(aside) != 1 {
			t.Errorf("%s: moved aside: %q", name, aside)
		}
		sweepAndList(t, s, j, j.Self.String())
	}
}

// TestCreateIsLikeTemp: owner, group, mode and access lists are those of _temp, also where the store's own differ.
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
