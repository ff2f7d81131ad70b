package starts_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestAttackOnWhatMountsHide: root has mounted something in a folder of the user's. A start that has that folder
// laid over _temp, as the user can bring about, does not show what the mount hides.
func TestAttackOnWhatMountsHide(t *testing.T) {
	attack := compile(t, "attack", testkit.Dir(t))
	shim := capable(t)
	s := ordinary(t, shim)
	hides := s.root + "/folder/of-root"
	do(t, os.MkdirAll(hides, 0o755), os.WriteFile(hides+"/secret", []byte("HIDDEN\n"), 0o644), os.Mkdir(s.store, 0o711))
	testkit.Give(t, s.root+"/folder", user)
	testkit.Give(t, s.store, user)
	do(t, unix.Mount("attack", hides, "tmpfs", 0, "mode=755"))
	mounted := hides
	defer func() { do(t, unix.Unmount(mounted, 0)) }()
	do(t, os.WriteFile(hides+"/open", []byte("SHOWN\n"), 0o644))
	c := command([]string{"DOCKER=off"}, attack, "inner", shim, s.store, s.temp, filepath.Dir(hides), "/bin/sh", "-c", `cat "$0"/*/*; `+innocent, s.temp)
	code := c.end(t)
	names := entries(t, s.store)
	if len(names) != 1 {
		t.Fatalf("exit code %d, %q; in the store: %q", code, &c.err, names)
	}
	mounted = filepath.Join(s.store, names[0], "of-root")
	out, isolated := strings.CutPrefix(c.out.String(), "SHOWN\n")
	if code != 0 || !isolated {
		t.Errorf("exit code %d, %q, %q: it shows nothing if that folder was not laid over _temp", code, &c.out, &c.err)
	}
	harmless(t, out)
	if strings.Contains(out, "HIDDEN") {
		t.Error("what lies under a mount of root's can be read")
	}
}

// TestAttackThroughProc: links of /proc lead to mounts of other mount namespaces, the host's among them. What a start
// changes of the mounts it finds must be its own.
func TestAttackThroughProc(t *testing.T) {
	testkit.RequireRoot(t)
	base := testkit.Dir(t)
	sharedTmpfs(t, base)
	root, worker := testkit.Runner(t, base, capable(t), "/bin/sh")
	s := scratch{root, worker, root + "/_work/_temp", root + "/.worker-wrap"}
	do(t, os.MkdirAll(s.temp, 0o755), os.Mkdir(root+"/temp", 0o755))
	l, err := net.Listen("unix", root+"/socket")
	do(t, err)
	defer l.Close()
	testkit.Give(t, root, user)
	sleeper := command(nil, "/bin/sleep", "1000")
	do(t, sleeper.Start())
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	testkit.Becomes(t, sleeper.Process.Pid, "/bin/sleep")
	proc := "/proc/" + itoa(sleeper.Process.Pid) + "/root"

	before := hostMounts(t)
	for what, c := range map[string]*start{
		"_temp":  command(nil, worker, "-c", innocent),
		"bin":    command(nil, worker, "-c", innocent),
		"socket": command(nil, worker, "-c", innocent),
	} {
		switch what {
		case "_temp":
			do(t, os.Remove(s.temp), os.Symlink(proc+root+"/temp", s.temp))
		case "bin":
			c.Args[0] = proc + worker
		case "socket":
			c.Env = append(c.Env, "DOCKER_HOST=unix://"+proc+root+"/socket")
		}
		switch code := c.end(t); {
		case what == "socket" && code == 0: // it is left as it is
			harmless(t, c.out.String())
		case what == "socket" || code != 125 || c.out.String() != "":
			t.Errorf("%s: exit code %d, %q", what, code, &c.out)
		}
		oneLine(t, c.err.String(), "another mount namespace")
		if what == "_temp" {
			do(t, os.Remove(s.temp), os.Mkdir(s.temp, 0o755), os.Chown(s.temp, user, user))
		}
		if after := hostMounts(t); after != before {
			t.Errorf("%s: the host's mounts before:\n%s\nand after:\n%s", what, before, after)
		}
	}
	code, out, stderr := s.run(t, innocent)
	if code != 0 || stderr != "" {
		t.Errorf("at last: exit code %d, %q", code, stderr)
	}
	harmless(t, out)
}
