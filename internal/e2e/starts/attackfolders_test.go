package starts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAttackOnFoldersOfTheKernel: a folder can be the user's and yet no place in which they may put things. sudo looks
// up in /proc/PID when a session began. If that is the same, it takes a ticket of the one before with the same PID.
func TestAttackOnFoldersOfTheKernel(t *testing.T) {
	s := ordinary(t, capable(t))
	sleeper := command(nil, "/bin/sleep", "1000")
	do(t, sleeper.Start())
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	proc := "/proc/" + itoa(sleeper.Process.Pid)
	cgroup := filepath.Join(pidsGroup(t), "delegated")
	do(t, os.Mkdir(cgroup, 0o755), os.Chown(cgroup, user, user))
	defer func() { do(t, os.Remove(cgroup)) }()
	closed, fixed := s.root+"/closed", s.root+"/fixed"
	do(t, os.Mkdir(closed, 0o500), os.Chown(closed, user, user), os.Mkdir(fixed, 0o755), os.Chown(fixed, user, user), unix.Mount(fixed, fixed, "", unix.MS_BIND, ""))
	defer func() { do(t, unix.Unmount(fixed, 0)) }()
	do(t, unix.Mount("", fixed, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	before := hostMounts(t)
	for _, dir := range []string{proc, proc + "/task", proc + "/fd", proc + "/net", cgroup, closed, fixed} {
		for _, settings := range [][]string{nil, {"BACKING=tmpfs"}, {"ISOLATE=overlap"}} {
			do(t, os.Remove(s.temp), os.Symlink(dir, s.temp))
			code, out, stderr := s.run(t, innocent, settings...)
			if code != 125 || out != "" {
				t.Errorf("%s, %q: exit code %d, %q", dir, settings, code, out)
			}
			oneLine(t, stderr)
			do(t, os.Remove(s.temp), os.Mkdir(s.temp, 0o755), os.Chown(s.temp, user, user))
		}
	}
	if after := hostMounts(t); after != before {
		t.Errorf("the host's mounts before:\n%s\nand after:\n%s", before, after)
	}
	code, out, stderr := s.run(t, innocent)
	if code != 0 || stderr != "" {
		t.Errorf("at last: exit code %d, %q", code, stderr)
	}
	harmless(t, out)
}

// TestAttackOnRoot: root starts a command over a _temp of a user's, who at the worst moment has the way there lead to
// root's folders. None of those is given to the user or opened, and nothing of theirs is made there.
func TestAttackOnRoot(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	setfacl := testkit.RequireTool(t, "setfacl", "acl")
	for _, c := range []struct {
		moment  string // just after which call
		from    string // exchanged for a link to what is root's, below the runner
		to      string
		setting string
	}{
		{"move_mount:when=2", "_work/_temp", "closed", "BACKING=tmpfs"}, // it is laid
		{"mkdirat:when=1", "_work", "_work", "LOG=warn"},                // the store is made
		{"openat2:when=1", "_work", "bare", "LOG=warn"},
		{"openat2:when=2", "_work", "bare", "LOG=warn"},
		{"openat2:when=1", "_work", "bare", "ISOLATE=overlap"},
	} {
		s := ordinary(t, testkit.Binary(t))
		root := testkit.Dir(t)
		do(t, os.Mkdir(root+"/closed", 0o700), os.MkdirAll(root+"/_work/.worker-wrap", 0o700), os.Mkdir(root+"/_work/_temp", 0o700), os.MkdirAll(root+"/bare/_temp", 0o700))
		if c := command(nil, setfacl, "-m", "u:61236:rwx,d:u:61236:rwx", s.temp); c.end(t) != 0 {
			t.Fatalf("setfacl: %s", &c.err)
		}
		link := s.root + "/link"
		do(t, os.Symlink(filepath.Join(root, c.to), link))
		before := roots(t, root)
		start := command([]string{c.setting, "DOCKER=off"}, strace, "-o", testkit.Dir(t)+"/trace", "-e", "trace=move_mount,mkdirat,openat2",
			"-e", "inject="+strings.Replace(c.moment, ":", ":signal=STOP:", 1), "--", testkit.Binary(t), "--temp", s.temp, "--", "/bin/true")
		start.SysProcAttr = nil
		do(t, start.Start())
		pid := start.stopped(t)
		do(t, unix.Renameat2(unix.AT_FDCWD, filepath.Join(s.root, c.from), unix.AT_FDCWD, link, unix.RENAME_EXCHANGE), unix.Kill(pid, unix.SIGCONT))
		if code := start.end(t); code == 125 {
			oneLine(t, start.err.String())
		} else if code != 0 {
			t.Errorf("%+v: exit code %d, %s", c, code, &start.err)
		}
		if after := roots(t, root); after != before {
			t.Errorf("%+v: root's folders before:\n%s\nand after:\n%s", c, before, after)
		}
	}
}

// roots lists the contents of a folder of root's, with owners, modes and how long access lists are. It leaves out what
// root has made in a store of root's.
func roots(t *testing.T, root string) string {
	t.Helper()
	var list strings.Builder
	do(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		var st unix.Stat_t
		do(t, err, unix.Lstat(path, &st))
		n, _ := unix.Lgetxattr(path, "system.posix_acl_access", nil)
		if st.Uid != 0 || n > 0 || !strings.Contains(path, "/.worker-wrap/") && filepath.Base(path) != ".worker-wrap" {
			fmt.Fprintf(&list, "%s is %d:%d's, %o, %d bytes of lists\n", path, st.Uid, st.Gid, st.Mode, n)
		}
		return nil
	}))
	return list.String()
}

// TestAttackOnRootByTheClaim: the user moves a file of root's from a folder of theirs to the place of the claim to the
// plain _temp. It is neither given to them nor written.
func TestAttackOnRootByTheClaim(t *testing.T) {
	s := ordinary(t, testkit.Binary(t))
	beside := perpid.Path(s.temp)
	claim := filepath.Join(beside, "real")
	do(t, os.Mkdir(beside, 0o711), os.Chown(beside, user, user), os.WriteFile(claim, []byte("root's secret\n"), 0o600))
	c := command([]string{"ISOLATE=overlap", "DOCKER=off"}, testkit.Binary(t), "--runner-root", s.root, "--", "/bin/sh", "-c", s.script())
	c.SysProcAttr = nil
	code := c.end(t)
	var st unix.Stat_t
	data, err := os.ReadFile(claim)
	do(t, err, unix.Stat(claim, &st))
	if st.Uid != 0 || string(data) != "root's secret\n" {
		t.Errorf("it is uid %d's and holds %q", st.Uid, data)
	}
	if code != 0 || s.started(c) != "isolated" {
		t.Errorf("exit code %d, %q, %q", code, &c.out, &c.err)
	}
}

// TestAttackOnTheNewFolder exchanges a private folder just between its making and its opening, for one of root's with
// something in it: under a start of the user's, which must not lay that over _temp, and under one of root's, which
// must not give it away.
func TestAttackOnTheNewFolder(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	s := ordinary(t, capable(t))
	id := itoa(user)
	theirs := filepath.Join(s.store, "of-root")
	do(t, os.Mkdir(s.store, 0o711), os.Chown(s.store, user, user), os.Mkdir(theirs, 0o755), os.WriteFile(theirs+"/secret", []byte("HAVE\n"), 0o600))
	for _, way := range []struct {
		as, says string
		args     []string
	}{
		{"the user", "", testkit.UserWords(id, id)},
		{"root", "was replaced by another folder", nil},
	} {
		args := append([]string{"-o", testkit.Dir(t) + "/trace", "-e", "trace=mkdirat", "-e", "inject=mkdirat:signal=STOP:when=1", "--"}, way.args...)
		c := &start{Cmd: exec.Command(strace, append(args, s.worker, "-c", "cat "+s.temp+"/secret; "+innocent)...)}
		c.Stdout, c.Stderr = &c.out, &c.err
		c.Env = []string{"WORKER_WRAP_DOCKER=off", "WORKER_WRAP_FALLBACK=none", "PATH=" + os.Getenv("PATH")}
		do(t, c.Start())
		pid := c.stopped(t)
		var made string
		for _, name := range entries(t, s.store) {
			if name != filepath.Base(theirs) {
				made = filepath.Join(s.store, name)
			}
		}
		do(t, unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, theirs, unix.RENAME_EXCHANGE), unix.Kill(pid, unix.SIGCONT))
		code := c.end(t)
		if code != 125 || c.out.String() != "" {
			t.Errorf("%s: exit code %d, %q", way.as, code, &c.out)
		}
		oneLine(t, c.err.String(), way.says)
		for path, uid := range map[string]uint32{made: 0, made + "/secret": 0} {
			var st unix.Stat_t
			if err := unix.Lstat(path, &st); err != nil || st.Uid != uid {
				t.Errorf("%s: what is root's belongs to %d: %v", way.as, st.Uid, err)
			}
		}
		do(t, os.Rename(made, s.root+"/aside"), os.Remove(theirs), os.Rename(s.root+"/aside", theirs))
	}
}
