package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestAttackByTheWorkersFolder: the rule for the one who is not root, for the folder that holds Runner.Worker. In one of
// another's, and with another's file behind a link, nothing is mounted there, and the Worker keeps the name that its
// file has.
func TestAttackByTheWorkersFolder(t *testing.T) {
	s := ordinary(t, capable(t))
	real, bin := s.worker+".real", filepath.Dir(s.worker)
	mine := filepath.Join(s.root, "mine")
	program, err := os.ReadFile(real)
	do(t, err, os.WriteFile(mine, program, 0o755), os.Chown(mine, user, user))
	link := func(to string) func() {
		return func() { do(t, os.Remove(real), os.Symlink(to, real), os.Lchown(real, user, user)) }
	}
	script := fmt.Sprintf(`cat /proc/$$/comm; grep -c ' %s/' /proc/self/mountinfo; `, bin)
	for _, c := range []struct {
		what, want string
		make       func()
	}{
		{"the user's own", "Runner.Worker\n1\n", func() {}},
		{"root's, in the user's bin", "Runner.Worker\n1\n", func() { do(t, os.Chown(real, 0, 0)) }},
		{"a link to the user's", "Runner.Worker\n1\n", link(mine)},
		{"a link to root's", "Runner.Worker.r\n0\n", link("/bin/sh")},
		{"the user's, in root's bin", "Runner.Worker.r\n0\n", func() {
			do(t, os.Remove(real), os.WriteFile(real, program, 0o755), os.Chown(real, user, user), os.Chown(bin, 0, 0))
		}},
	} {
		c.make()
		code, out, stderr := s.run(t, script+innocent)
		if len(out) < len(c.want) || out[:len(c.want)] != c.want || code != 0 || stderr != "" {
			t.Errorf("%s: exit code %d, %q, %q; want %q", c.what, code, out, stderr, c.want)
			continue
		}
		harmless(t, out[len(c.want):])
	}
}
