package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// lead makes path, which is anywhere below the runner's parent folder, a link of the user's.
func lead(t *testing.T, path, target string, uid int) {
	t.Helper()
	do(t, os.RemoveAll(path), os.Symlink(target, path), os.Lchown(path, uid, uid))
}

// folder makes a folder of a user's.
func folder(t *testing.T, path string, uid int) string {
	t.Helper()
	do(t, os.MkdirAll(path, 0o755), os.Chown(path, uid, uid))
	return path
}

// memory mounts a file system at path for the length of the test.
func memory(t *testing.T, path string, uid int) {
	t.Helper()
	folder(t, path, uid)
	do(t, unix.Mount("none", path, "tmpfs", 0, fmt.Sprintf("uid=%d,mode=755", uid)))
	t.Cleanup(func() { do(t, unix.Unmount(path, unix.MNT_DETACH)) })
}

// TestLinkedTemp: _temp may be a link to a folder elsewhere, and the ways to it too.
func TestLinkedTemp(t *testing.T) {
	shim := capable(t)
	for _, c := range []struct {
		name string
		lead func(t *testing.T, s *scratch, beside string) // beside is a folder beside the runner's
	}{
		{"relative", func(t *testing.T, s *scratch, beside string) {
			folder(t, filepath.Join(s.root, "_work", "tmp"), user)
			lead(t, s.temp, "tmp", user)
		}},
		{"relative, upwards", func(t *testing.T, s *scratch, beside string) {
			folder(t, filepath.Join(beside, "tmp"), user)
			lead(t, s.temp, "../../beside/tmp", user)
		}},
		{"absolute", func(t *testing.T, s *scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), user), user)
		}},
		{"to a link", func(t *testing.T, s *scratch, beside string) {
			lead(t, filepath.Join(beside, "link"), folder(t, filepath.Join(beside, "tmp"), user), user)
			lead(t, s.temp, filepath.Join(beside, "link"), user)
		}},
		{"through a link and back", func(t *testing.T, s *scratch, beside string) {
			folder(t, filepath.Join(beside, "tmp"), user)
			lead(t, filepath.Join(s.root, "link"), folder(t, filepath.Join(beside, "deep"), user), user)
			lead(t, s.temp, "../link/../tmp", user)
		}},
		{"by root's link", func(t *testing.T, s *scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), user), 0)
		}},
		{"into a folder of root's", func(t *testing.T, s *scratch, beside string) {
			do(t, os.Chmod(folder(t, beside, 0), 0o711))
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), user), user)
		}},
		{"to a name that the work folder has too", func(t *testing.T, s *scratch, beside string) {
			folder(t, filepath.Join(s.root, "_work", "repo"), user)
			lead(t, s.temp, folder(t, filepath.Join(beside, "repo"), user), user)
		}},
		{"to another file system", func(t *testing.T, s *scratch, beside string) {
			memory(t, filepath.Join(beside, "fast"), user)
			lead(t, s.temp, filepath.Join(beside, "fast"), user)
		}},
		{"into another file system", func(t *testing.T, s *scratch, beside string) {
			memory(t, filepath.Join(beside, "fast"), user)
			lead(t, s.temp, folder(t, filepath.Join(beside, "fast", "tmp"), user), user)
			s.store = perpid.Path(s.temp)
		}},
		{"no link but a mount point", func(t *testing.T, s *scratch, beside string) { memory(t, s.temp, user) }},
		{"a link to a mount point's link", func(t *testing.T, s *scratch, beside string) {
			memory(t, filepath.Join(beside, "fast"), user)
			folder(t, filepath.Join(beside, "fast", "tmp"), user)
			lead(t, filepath.Join(beside, "fast", "link"), "tmp", user)
			lead(t, s.temp, filepath.Join(beside, "fast", "link"), user)
			s.store = perpid.Path(s.temp)
		}},
		{"_work is a link", func(t *testing.T, s *scratch, beside string) {
			folder(t, filepath.Join(beside, "_temp"), user)
			lead(t, filepath.Join(s.root, "_work"), beside, user)
		}},
		{"_work is a link, and _temp", func(t *testing.T, s *scratch, beside string) {
			lead(t, filepath.Join(s.root, "_work"), beside, user)
			folder(t, filepath.Join(beside, "tmp"), user)
			lead(t, s.temp, "tmp", user)
		}},
		{"the runner is under a link, and _temp one", func(t *testing.T, s *scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), user), user)
			link := filepath.Join(beside, "runner")
			lead(t, link, s.root, user)
			s.worker = link + strings.TrimPrefix(s.worker, s.root)
			s.temp, s.store = filepath.Join(link, "_work", "_temp"), filepath.Join(link, ".worker-wrap")
			s.root = link
		}},
	} {
		for who, uid := range map[string]int{"user": user, "root": 0} {
			t.Run(c.name+", "+who, func(t *testing.T) {
				s := ordinary(t, shim)
				c.lead(t, &s, folder(t, filepath.Join(filepath.Dir(s.root), "beside"), user))
				target, err := filepath.EvalSymlinks(s.temp)
				do(t, err)
				script := `echo started; : > ` + s.temp + `/mark; ls ` + target + `; echo "$WORKER_WRAP_HOST_TEMP"; cd ` + s.temp + ` && pwd -P`
				start := command([]string{"DOCKER=off"}, s.worker, "-c", script)
				if uid == 0 {
					start.SysProcAttr = nil
				}
				code := start.end(t)
				if want := "started\nmark\n" + s.store + "/"; code != 0 || start.err.String() != "" || !strings.HasPrefix(start.out.String(), want) || !strings.HasSuffix(start.out.String(), "\n"+target+"\n") {
					t.Errorf("exit code %d, %q: %s", code, &start.out, &start.err)
				}
				if os.Remove(filepath.Join(target, "mark")) == nil {
					t.Error("the host's _temp has what the job made")
				}
			})
		}
	}
}

// TestLinkedTempElsewhere: a link that leads nowhere, or to another user's folder, is no place to mount over. The Worker
// then does what it does without worker-wrap.
func TestLinkedTempElsewhere(t *testing.T) {
	shim := capable(t)
	for _, c := range []struct {
		name, says string
		uid        int
		lead       func(t *testing.T, s scratch, beside string)
	}{
		{"dangling", "is a link to none, which is not there", user, func(t *testing.T, s scratch, beside string) { lead(t, s.temp, "none", user) }},
		{"in a circle", "too many levels", user, func(t *testing.T, s scratch, beside string) { lead(t, s.temp, "_temp", user) }},
		{"to a file", "not a directory", user, func(t *testing.T, s scratch, beside string) { lead(t, s.temp, "/etc/passwd", user) }},
		{"to another's", "belongs to uid 0", user, func(t *testing.T, s scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), 0), user)
		}},
		{"of the user's, for root", "leads there", 0, func(t *testing.T, s scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), 0), user)
		}},
		{"of another user's, for root", "leads there", 0, func(t *testing.T, s scratch, beside string) {
			lead(t, s.temp, folder(t, filepath.Join(beside, "tmp"), user), user+7)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := ordinary(t, shim)
			c.lead(t, s, folder(t, filepath.Join(filepath.Dir(s.root), "beside"), user))
			for _, fallback := range []string{"none", ""} {
				start := command([]string{"DOCKER=off", "FALLBACK=" + fallback}, s.worker, "-c", whereAmI)
				if c.uid == 0 {
					start.SysProcAttr = nil
				}
				code := start.end(t)
				if fallback == "none" {
					if oneLine(t, start.err.String(), c.says); code != 125 {
						t.Errorf("exit code %d, %q", code, &start.out)
					}
				} else if code != 0 || start.err.String() != "" || start.out.String() != s.temp+"\n"+hostNamespace(t)+"\n" {
					t.Errorf("exit code %d, %q: %s", code, &start.out, &start.err)
				}
			}
		})
	}
}

// TestLinkedTempIsOneTemp: two runners whose _temp leads to one folder are never both in it.
func TestLinkedTempIsOneTemp(t *testing.T) {
	testkit.RequireRoot(t)
	shim, dir := testkit.Binary(t), testkit.Dir(t)
	shared := folder(t, filepath.Join(dir, "shared"), user)
	a := ordinaryIn(t, folder(t, filepath.Join(dir, "a"), user), shim)
	b := ordinaryIn(t, folder(t, filepath.Join(dir, "b"), user), shim)
	lead(t, a.temp, shared, user)
	lead(t, b.temp, shared, user)
	first := launch(t, command([]string{"FALLBACK="}, a.worker), a.worker, "-c", "echo up; read end")
	code, out, stderr := b.run(t, "echo started", "FALLBACK=", "WAIT=100ms")
	if oneLine(t, stderr, "locked"); code != 125 || out != "" {
		t.Errorf("exit code %d, %q", code, out)
	}
	first.end(t)
	if code, out, stderr := b.run(t, "echo started", "FALLBACK="); code != 0 || out != "started\n" || stderr != "" {
		t.Errorf("afterwards: exit code %d, %q, %q", code, out, stderr)
	}
}
