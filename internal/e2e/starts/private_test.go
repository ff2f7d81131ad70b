package starts_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// ownWorld is a runner of an ordinary user with a home, who may use sudo.
type ownWorld struct {
	name, home, root, path string
	uid                    int
}

func newOwnWorld(t *testing.T, private string) ownWorld {
	t.Helper()
	testkit.RequireRoot(t)
	var w ownWorld
	w.name, w.uid = testkit.User(t)
	testkit.MaySudo(t, w.name)
	dir := testkit.Dir(t)
	w.home = filepath.Join(dir, "home")
	must(t, os.MkdirAll(filepath.Join(w.home, ".docker", "contexts"), 0o700))
	must(t, os.WriteFile(filepath.Join(w.home, ".docker", "config.json"), []byte("the machine's"), 0o600))
	must(t, os.Symlink("../config.json", filepath.Join(w.home, ".docker", "contexts", "link")))
	must(t, os.WriteFile(filepath.Join(w.home, "file"), nil, 0o600))
	w.root, w.path = testkit.Runner(t, dir, capable(t), "/bin/sh")
	must(t, os.WriteFile(filepath.Join(w.root, ".worker-wrap.env"), []byte("WORKER_WRAP_ISOLATE=alone\nWORKER_WRAP_PRIVATE="+private+"\n"), 0o644))
	testkit.Give(t, dir, w.uid)
	return w
}

// words is a command line that starts a Worker.
func (w ownWorld) words(args ...string) []string {
	id := strconv.Itoa(w.uid)
	return append(append(append([]string{"env", "HOME=" + w.home}, testkit.UserWords(id, id)...), w.path), args...)
}

// TestPrivatePlaces: of two Workers at once, each has its own folder over a place, and sudo in it sees the same. The
// host's stays as it was, and theirs are gone when they have ended.
func TestPrivatePlaces(t *testing.T) {
	t.Run("by the capability", func(t *testing.T) { privatePlaces(t, newOwnWorld(t, "~/.docker=copy:~/.config/gh"), true) })
	t.Run("in a user namespace", func(t *testing.T) {
		privatePlaces(t, newOwnWorld(t, "~/.docker=copy:~/.config/gh\nWORKER_WRAP_USERNS=1\nWORKER_WRAP_LEFTOVERS=list"), false)
	})
}

func privatePlaces(t *testing.T, w ownWorld, sudo bool) {
	words := w.words()
	first, second := testkit.Shell(t, words[0], words[1:]...), testkit.Shell(t, words[0], words[1:]...)
	for name, job := range map[string]*testkit.Process{"first": first, "second": second} {
		look := "sudo -n cat ~/.docker/config.json"
		if !sudo {
			look = "cat ~/.docker/config.json"
		}
		out := job.Do(t, "cat ~/.docker/contexts/link; stat -c ' %a %U' ~/.docker ~/.docker/config.json; ls -A ~/.config/gh; "+
			"echo "+name+" >~/.docker/new; mv ~/.docker/new ~/.docker/config.json; echo "+name+" >~/.config/gh/hosts.yml; "+look)
		if want := "the machine's 700 " + w.name + "\n 600 " + w.name + "\n" + name; out != want {
			t.Errorf("%s: %q, want %q", name, out, want)
		}
	}
	if out := first.Do(t, "cat ~/.docker/config.json ~/.config/gh/hosts.yml"); out != "first\nfirst" {
		t.Errorf("the first one has %q by now", out)
	}
	if data, err := os.ReadFile(filepath.Join(w.home, ".docker", "config.json")); err != nil || string(data) != "the machine's" {
		t.Errorf("the host's: %q, %v", data, err)
	}
	if names, err := os.ReadDir(filepath.Join(w.home, ".config", "gh")); err != nil || len(names) > 0 {
		t.Errorf("the host's: %v, %v", names, err)
	}
	folders := func() int {
		left, err := filepath.Glob(filepath.Join(w.root, ".worker-wrap", "*-*"))
		must(t, err)
		return len(left)
	}
	if folders() == 0 {
		t.Error("they have no folders")
	}
	first.End()
	second.End()
	testkit.Await(t, "the end of the keepers' sweep", func() bool { return folders() == 0 })
}

// TestRefusedPlaces: what may not be covered is refused in one line with the reason, and no job starts.
func TestRefusedPlaces(t *testing.T) {
	w := newOwnWorld(t, "")
	for private, why := range map[string]string{
		"/tmp":                          "belongs to uid 0",
		"/etc":                          "belongs to uid 0",
		"~":                             "HOME itself",
		"~/../home":                     "without . and ..",
		"docker":                        "whole paths",
		"~/.docker=move":                "there is copy",
		"~/file":                        "is a file",
		"~/.docker:~/.docker/contexts":  "hold one another",
		w.home:                          "is HOME",
		w.root:                          "holds the work folder",
		w.root + "/bin":                 "lies in the runner",
		w.root + "/_work":               "is the work folder",
		w.root + "/_work/_tool":         "lies in the work folder",
		filepath.Dir(w.home):            "holds HOME",
		w.home + "/open":                "everybody may write to",
		"~/missing/\x01/../x":           "without . and ..",
		w.home + "/.docker/contexts/a=": "there is copy",
	} {
		must(t, os.MkdirAll(w.home+"/open", 0o777))
		must(t, os.Chmod(w.home+"/open", 0o777))
		must(t, os.Chown(w.home+"/open", w.uid, w.uid))
		must(t, os.WriteFile(filepath.Join(w.root, ".worker-wrap.env"), []byte("WORKER_WRAP_PRIVATE="+private+"\n"), 0o644))
		words := w.words("-c", "echo started")
		cmd := exec.Command(words[0], words[1:]...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err == nil || len(out) > 0 || !strings.Contains(stderr.String(), why) || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: %q, %v, %q; want one line with %q", private, out, err, stderr.String(), why)
		}
	}
}

// TestAttackOnPrivatePlaces: a place lies in a folder of another user's, who exchanges it for a link after each of the
// start's looks at it. The link leads to root's, or to another of the runner's user. Nothing is covered but the place
// itself, or no job starts.
func TestAttackOnPrivatePlaces(t *testing.T) {
	strace := testkit.RequireTool(t, "strace", "strace")
	s := ordinary(t, capable(t))
	outside := testkit.Dir(t)
	theirs, elsewhere := filepath.Join(outside, "theirs"), filepath.Join(outside, "elsewhere")
	place, link := filepath.Join(theirs, "place"), filepath.Join(outside, "link")
	do(t, os.Mkdir(theirs, 0o755), os.Mkdir(place, 0o700), os.Chown(place, user, user), os.Chown(theirs, other, other))
	before := hostMounts(t)
	for _, owner := range []int{0, user} {
		do(t, os.RemoveAll(elsewhere), os.Mkdir(elsewhere, 0o755), os.WriteFile(elsewhere+"/mark", nil, 0o644), os.Chown(elsewhere, owner, owner))
		for look := 1; look <= 3; look++ {
			_ = os.Remove(link)
			do(t, os.Symlink(elsewhere, link))
			args := append([]string{"-o", testkit.Dir(t) + "/trace", "-P", place, "-e", "trace=openat2", "-e", "inject=openat2:signal=STOP:when=" + itoa(look), "--"}, testkit.UserWords(itoa(user), itoa(user))...)
			c := &start{Cmd: exec.Command(strace, append(args, s.worker, "-c", "cd "+elsewhere+"; ls; "+innocent)...)}
			c.Stdout, c.Stderr = &c.out, &c.err
			c.Env = []string{"WORKER_WRAP_DOCKER=off", "WORKER_WRAP_FALLBACK=none", "WORKER_WRAP_PRIVATE=" + place, "HOME=" + s.root, "PATH=" + os.Getenv("PATH")}
			do(t, c.Start())
			pid := c.stopped(t)
			do(t, unix.Renameat2(unix.AT_FDCWD, place, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE), unix.Kill(pid, unix.SIGCONT))
			switch code := c.end(t); {
			case code == 125 && c.out.String() == "":
				oneLine(t, c.err.String())
			case code != 0 || !strings.HasPrefix(c.out.String(), "mark\n"):
				t.Errorf("uid %d, look %d: exit code %d, %q, %q", owner, look, code, &c.out, &c.err)
			default:
				harmless(t, strings.TrimPrefix(c.out.String(), "mark\n"))
			}
			if names := entries(t, elsewhere); len(names) != 1 {
				t.Errorf("uid %d, look %d: %q", owner, look, names)
			}
			do(t, unix.Renameat2(unix.AT_FDCWD, place, unix.AT_FDCWD, link, unix.RENAME_EXCHANGE))
			t.Logf("uid %d, look %d: %d, %s", owner, look, c.ProcessState.ExitCode(), &c.err)
		}
	}
	sameMounts(t, before)
}

// privateInContainers: a real daemon mounts what the job sees at a place of its own, or below it, and writes there.
func privateInContainers(t *testing.T, d *testkit.Dockerd, s scratch) {
	t.Helper()
	place := filepath.Join(testkit.Dir(t), "place")
	must(t, os.MkdirAll(filepath.Join(place, "sub"), 0o755))
	must(t, os.WriteFile(filepath.Join(place, "sub", "file"), []byte("the machine's\n"), 0o644))
	for _, mounted := range []string{place, place + "/sub", filepath.Dir(place) + "/place/../place/sub"} {
		cmd := d.Command("run", "--rm", "--network=none", "-v", mounted+":/x", testkit.DockerImage, "/bin/sh", "-c", "cat /x/file /x/sub/file; echo container >/x/made")
		c := command([]string{"PRIVATE=" + place + "=copy"}, s.worker, "-c", "echo job >"+place+"/file; echo job >"+place+"/sub/file; '"+strings.ReplaceAll(strings.Join(cmd.Args, "' '"), "\n", " ")+"'; cat "+mounted+"/made")
		c.SysProcAttr = nil // root, who may reach the daemon
		c.Env = append(c.Env, "DOCKER_HOST=unix://"+cmd.Args[2][len("unix://"):])
		code := c.end(t)
		if said := c.out.String(); code != 0 || !strings.HasPrefix(said, "job\n") || !strings.HasSuffix(said, "container\n") || strings.Contains(said, "machine's") {
			t.Errorf("%s: exit code %d, %q, %q", mounted, code, said, &c.err)
		}
		names, err := os.ReadDir(filepath.Join(place, "sub"))
		if data, rerr := os.ReadFile(filepath.Join(place, "sub", "file")); err != nil || rerr != nil || len(names) != 1 || string(data) != "the machine's\n" {
			t.Errorf("%s: the host has %q, %v", mounted, names, data)
		}
	}
}
