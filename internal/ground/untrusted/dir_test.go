package untrusted

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestDirLeadsWhereTheKernelDoes compares with what stat(2) says of the same paths.
func TestDirLeadsWhereTheKernelDoes(t *testing.T) {
	dir := t.TempDir()
	for path, target := range map[string]string{
		"absolute": dir + "/a/b", "relative": "a/b", "up": "a/../a/./b", "chain": "two", "two": "a/three", "a/three": "../absolute",
		"slashes": "a//b///", "to-root": "/", "loop": "loop", "gone": "nowhere", "to-file": "file",
	} {
		if err := errors.Join(os.MkdirAll(dir+"/a/b/c", 0o755), os.Symlink(target, filepath.Join(dir, path))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"", "/", "a", "a/b/c", "a/b/../b/c", "a//b/", "absolute", "absolute/c", "relative/c", "up/c", "chain", "chain/c", "chain/../b/c", "slashes/c", "to-root" + dir + "/a",
		"loop", "loop/c", "gone", "gone/c", "to-file", "to-file/c", "file", "file/c", "nowhere/c", "a/nowhere", strings.Repeat("n", 300),
	} {
		path := dir + "/" + path
		f, err := Dir(path)
		want, werr := os.Stat(path)
		if werr == nil && !want.IsDir() {
			werr = unix.ENOTDIR
		}
		if (err == nil) != (werr == nil) || err != nil && !errors.Is(err, errors.Unwrap(werr)) && !errors.Is(err, werr) {
			t.Errorf("%s: %v, want %v", path, err, werr)
			continue
		}
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s is not named: %v", path, err)
			}
			continue
		}
		real, rerr := filepath.EvalSymlinks(path)
		if st, err := f.Stat(); err != nil || !os.SameFile(st, want) || f.Name() != real {
			t.Errorf("%s: another folder, as %s, want %s (%v, %v)", path, f.Name(), real, err, rerr)
		}
		if _, err := f.Readdirnames(-1); err != nil {
			t.Error(err)
		}
		f.Close()
	}
}

// TestDirFollowsWhoMayLeadThere: links of root's and of the folder's owner, and no others.
func TestDirFollowsWhoMayLeadThere(t *testing.T) {
	testkit.RequireRoot(t)
	const user, other = 61234, 61235
	for _, test := range []struct {
		folder int
		links  []int
		by     []int
		ok     bool
	}{
		{folder: user, ok: true},
		{folder: 0, ok: true},
		{folder: user, links: []int{user}, ok: true},
		{folder: user, links: []int{0}, ok: true},
		{folder: user, links: []int{0, user, 0}, ok: true},
		{folder: user, links: []int{other}},
		{folder: user, links: []int{0, other, user}},
		{folder: 0, links: []int{user}},
		{folder: 0, links: []int{0, 0}, ok: true},
		{folder: user, by: []int{user, 0}, ok: true},
		{folder: user, by: []int{other}},
		{folder: 0, by: []int{user}},
		{folder: user, links: []int{user}, by: []int{other}},
	} {
		dir := t.TempDir()
		target := "folder"
		err := errors.Join(os.Mkdir(dir+"/folder", 0o755), os.Chown(dir+"/folder", test.folder, -1))
		for i, uid := range test.links {
			link := strings.Repeat("l", i+1)
			err = errors.Join(err, os.Symlink(target, dir+"/"+link), os.Lchown(dir+"/"+link, uid, -1))
			target = link
		}
		if err != nil {
			t.Fatal(err)
		}
		var by []Sign
		for _, uid := range test.by {
			by = append(by, Sign{dir + "/sign", uid})
		}
		f, err := Dir(dir+"/"+target, by...)
		if err == nil {
			f.Close()
		}
		if (err == nil) != test.ok {
			t.Errorf("%+v: %v", test, err)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), dir+"/folder belongs to uid ") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

// TestDirLeavesNothingOpen is for the leak check in TestMain: many errors, each somewhere else on the way.
func TestDirLeavesNothingOpen(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Symlink("x", dir+"/x"), os.WriteFile(dir+"/file", nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		for _, path := range []string{dir + "/x", dir + "/file", dir + "/none/x", dir} {
			f, err := Dir(path, Sign{"none", -2})
			if err == nil {
				f.Close()
				t.Errorf("%s was opened", path)
			}
		}
	}
}
