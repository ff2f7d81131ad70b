package dockersocket

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

const (
	uid = 61234
	gid = 61235
)

func do(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// inside reports whether this process has a mount namespace of its own, with nothing in /run and /etc. If not, one that
// has runs the test.
func inside(t *testing.T) bool {
	t.Helper()
	testkit.RequireRoot(t)
	const variable = "WORKER_WRAP_TEST_INSIDE"
	if os.Getenv(variable) == "" {
		self, err := os.Executable()
		do(t, err)
		cmd := exec.Command(testkit.RequireTool(t, "unshare", "util-linux"), "--mount", "--propagation", "private", self, "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), variable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return false
	}
	for _, dir := range []string{"/run", "/etc"} {
		do(t, unix.Mount("none", dir, "tmpfs", 0, "mode=755"))
		t.Cleanup(func() { do(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	}
	return true
}

// listenAt makes a socket of root's and the group's, and the folders on the way to it.
func listenAt(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	do(t, os.MkdirAll(filepath.Dir(path), 0o755))
	l, err := net.Listen("unix", path)
	do(t, err, os.Chown(path, 0, gid), os.Chmod(path, mode))
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	t.Cleanup(func() { l.Close() })
}

// covers returns the path that a start by the group's user would have covered, or why none.
func covers(t *testing.T, path string) string {
	t.Helper()
	f, err := Look([]string{"DOCKER_HOST=unix://" + path}, User{uid, uid, []int{gid}})
	do(t, err)
	if f.Refused == "" && f.Path != "" {
		return "covered"
	}
	return f.Missing + f.Refused
}

// TestPlaces: the usual places of the daemons are covered for whom the socket lets in, by whatever path they are named.
func TestPlaces(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, path := range Known {
		if strings.HasPrefix(path, "/var/") {
			continue // /var/run leads to /run
		}
		listenAt(t, path, 0o660)
		for _, name := range []string{path, "/var" + path} {
			if got := covers(t, name); got != "covered" {
				t.Errorf("%s: %s", name, got)
			}
		}
		do(t, os.Chmod(path, 0o600))
		if got := covers(t, path); !strings.Contains(got, "permission denied") {
			t.Errorf("%s, which lets nobody in: %s", path, got)
		}
		// Find may have seen another socket there.
		var refused *Refused
		if err := as(User{UID: uid}, func() error {
			place, err := Open(path, uid)
			place.Close()
			return err
		}); !errors.As(err, &refused) {
			t.Errorf("%s, which lets nobody in any more: %v", path, err)
		}
		do(t, os.Chmod(path, 0o660))
	}
	// A folder that anybody may write to, as Kubernetes makes for a socket that two containers have.
	do(t, os.Chmod("/run/docker", 0o777))
	if got := covers(t, "/run/docker/docker.sock"); got != "covered" {
		t.Errorf("in an open folder: %s", got)
	}
	// podman-docker's link, which is root's.
	do(t, os.Remove("/run/docker.sock"), os.Symlink("/run/podman/podman.sock", "/run/docker.sock"))
	if got := covers(t, "/run/docker.sock"); got != "covered" {
		t.Errorf("podman-docker's link: %s", got)
	}
	listenAt(t, "/run/bus", 0o666)
	if got := covers(t, "/run/bus"); !strings.HasPrefix(got, "/run/bus belongs to uid 0 and is neither") {
		t.Errorf("D-Bus: %s", got)
	}
	f, err := Look([]string{"DOCKER_HOST=unix:///run/bus"}, User{UID: 0})
	if err != nil || f.Refused != "" {
		t.Errorf("root: %+v, %v", f, err)
	}
}

// TestPlacesOfOthers: who may write to a folder on the way to a usual place cannot make another socket one of those.
func TestPlacesOfOthers(t *testing.T) {
	if !inside(t) {
		return
	}
	listenAt(t, "/run/bus", 0o666)
	do(t, os.Mkdir("/run/docker", 0o755), os.Chmod("/run/docker", 0o777))
	const known = "/run/docker/docker.sock"
	for what, put := range map[string]func() error{
		"a link": func() error { return os.Symlink("/run/bus", known) },
		// fs.protected_hardlinks may be off.
		"a hard link": func() error { return os.Link("/run/bus", known) },
	} {
		do(t, put())
		if got := covers(t, "/run/bus"); got == "covered" {
			t.Errorf("%s makes that of D-Bus one of Docker's", what)
		}
		do(t, os.Remove(known))
	}
	// The folder itself, in one that anybody may write to.
	do(t, os.Remove("/run/docker"), os.Mkdir("/run/other", 0o755), os.Link("/run/bus", "/run/other/docker.sock"), os.Symlink("/run/other", "/run/docker"))
	if got := covers(t, "/run/other/docker.sock"); got != "covered" {
		t.Errorf("a link of root's: %s", got)
	}
	do(t, os.Chmod("/run", 0o777))
	if got := covers(t, "/run/other/docker.sock"); got == "covered" {
		t.Error("a link that anybody could have made leads to a usual place")
	}
}

// TestList: root names more, in a file that nobody else can write.
func TestList(t *testing.T) {
	if !inside(t) {
		return
	}
	listenAt(t, "/run/x/y.sock", 0o660)
	listenAt(t, "/run/bus", 0o666)
	write := func(text string) { do(t, os.WriteFile(ListPath, []byte(text), 0o644)) }
	if paths, err := List(); paths != nil || err != nil {
		t.Errorf("without a list: %q, %v", paths, err)
	}
	do(t, os.Mkdir(filepath.Dir(ListPath), 0o755))
	write("# ours\n\n /run/x/y.sock \n")
	if got := covers(t, "/run/x/y.sock"); got != "covered" {
		t.Errorf("named: %s", got)
	}
	if got := covers(t, "/run/bus"); got == "covered" {
		t.Error("not named, and covered")
	}
	do(t, os.Chmod("/run/x/y.sock", 0o600))
	if got := covers(t, "/run/x/y.sock"); got == "covered" {
		t.Error("named, and lets nobody in, and covered")
	}
	do(t, os.Chmod("/run/x/y.sock", 0o660))
	for what, c := range map[string]struct{ spoil, mend func() error }{
		"the file is another's": {func() error { return os.Chown(ListPath, uid, 0) }, func() error { return os.Chown(ListPath, 0, 0) }},
		"others may write":      {func() error { return os.Chmod(ListPath, 0o666) }, func() error { return os.Chmod(ListPath, 0o644) }},
		"a group may write":     {func() error { return os.Chmod(ListPath, 0o664) }, func() error { return os.Chmod(ListPath, 0o644) }},
		"the folder is open":    {func() error { return os.Chmod(filepath.Dir(ListPath), 0o777) }, func() error { return os.Chmod(filepath.Dir(ListPath), 0o755) }},
		"the folder is another's": {
			func() error { return os.Chown(filepath.Dir(ListPath), uid, 0) },
			func() error { return os.Chown(filepath.Dir(ListPath), 0, 0) },
		},
	} {
		do(t, c.spoil())
		if paths, err := List(); paths != nil || err == nil || !strings.Contains(err.Error(), ListPath+" counts for nothing: ") {
			t.Errorf("%s: %q, %v", what, paths, err)
		}
		if got := covers(t, "/run/x/y.sock"); !strings.Contains(got, "counts for nothing") {
			t.Errorf("%s: %s", what, got)
		}
		do(t, c.mend())
	}
	write("run/x\n/run/a\nunix:///run/x/y.sock\n")
	if paths, err := List(); !slices.Equal(paths, []string{"/run/a"}) || err == nil || !strings.Contains(err.Error(), `line 1: "run/x" is not an absolute path`) {
		t.Errorf("%q, %v", paths, err)
	}
}

// TestLookAsAnother: the rights are the user's, those of the way to the socket too, and afterwards root's again.
func TestLookAsAnother(t *testing.T) {
	if !inside(t) {
		return
	}
	listenAt(t, "/run/docker.sock", 0o660)
	if f, err := Look(nil, User{UID: uid, GID: gid}); err != nil || f.Path != Default || f.Refused != "" {
		t.Errorf("the main group: %+v, %v", f, err)
	}
	if f, err := Look(nil, User{UID: uid, GID: uid}); err != nil || f.Path != "" || f.Missing == "" {
		t.Errorf("of no such group: %+v, %v", f, err)
	}
	do(t, os.Chmod("/run", 0o700))
	if f, err := Look(nil, User{uid, uid, []int{gid}}); err != nil || f.Path != "" {
		t.Errorf("behind a closed folder: %+v, %v", f, err)
	}
	if f, err := Look(nil, User{}); err != nil || f.Path != Default || f.Refused != "" {
		t.Errorf("root, after others: %+v, %v", f, err)
	}
	if _, err := Look(nil, User{UID: -1}); err == nil {
		t.Error("nobody has rights")
	}
}
