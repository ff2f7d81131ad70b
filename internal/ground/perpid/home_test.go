package perpid

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestHome: in the runner's root, unless that is on another mount than _temp is.
func TestHome(t *testing.T) {
	testkit.RequireRoot(t)
	mount := func(t *testing.T, path string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(path, 0o755), unix.Mount("home", path, "tmpfs", 0, "size=64k")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH) })
	}
	for _, c := range []struct {
		name    string
		prepare func(t *testing.T, root string)
		home    string // below the root
		same    bool
	}{
		{name: "one mount", home: ".", same: true},
		{name: "no _temp yet", home: ".", same: true, prepare: func(t *testing.T, root string) { _ = os.Remove(root + "/_work/_temp") }},
		{name: "the root is another user's", home: "_work", same: true, prepare: func(t *testing.T, root string) { _ = os.Chown(root, 61234, 61234) }},
		{name: "there is another's store", home: "_work", same: true, prepare: func(t *testing.T, root string) {
			_ = errors.Join(os.Mkdir(root+"/.worker-wrap", 0o755), os.Chown(root+"/.worker-wrap", 61234, 61234))
		}},
		{name: "the store is a file", home: "_work", same: true, prepare: func(t *testing.T, root string) { _ = os.WriteFile(root+"/.worker-wrap", nil, 0o644) }},
		{name: "the work folder is a mount", home: "_work", same: true, prepare: func(t *testing.T, root string) {
			mount(t, root+"/_work")
			_ = os.Mkdir(root+"/_work/_temp", 0o755)
		}},
		{name: "_temp is a mount", home: ".", prepare: func(t *testing.T, root string) { mount(t, root+"/_work/_temp") }},
		{name: "both are", home: "_work", prepare: func(t *testing.T, root string) {
			mount(t, root+"/_work")
			mount(t, root+"/_work/_temp")
		}},
		{name: "_temp leads to a folder of another mount", home: "_work", prepare: func(t *testing.T, root string) {
			mount(t, root+"/fast")
			_ = errors.Join(os.Mkdir(root+"/fast/temp", 0o755), os.Remove(root+"/_work/_temp"), os.Symlink("../fast/temp", root+"/_work/_temp"))
		}},
		{name: "the root is read-only", home: "_work", same: true, prepare: func(t *testing.T, root string) {
			err := errors.Join(
				unix.Mount(root, root, "", unix.MS_BIND, ""), unix.Mount(root+"/_work", root+"/_work", "", unix.MS_BIND, ""),
				unix.Mount("", root, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = errors.Join(unix.Unmount(root+"/_work", unix.MNT_DETACH), unix.Unmount(root, unix.MNT_DETACH))
			})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			temp := filepath.Join(root, "_work", "_temp")
			if err := os.MkdirAll(temp, 0o755); err != nil {
				t.Fatal(err)
			}
			if c.prepare != nil {
				c.prepare(t, root)
			}
			if home, same := Home(root, temp); home != filepath.Join(root, c.home) || same != c.same {
				t.Errorf("%s, %v; want %s, %v", home, same, c.home, c.same)
			}
			if home, _ := Home("", temp); home != filepath.Dir(temp) {
				t.Errorf("without a runner: %s", home)
			}
		})
	}
}
