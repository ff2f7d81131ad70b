package starts_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// other is a second ordinary user, in a group with the runner's.
const other = 61236

// byOther prepares a program that the other user runs.
func byOther(program string, args ...string) *start {
	c := command(nil, program, args...)
	c.SysProcAttr.Credential.Uid, c.SysProcAttr.Credential.Gid = other, other
	return c
}

// TestAttackByAnotherUser: if somebody else may make folders beside _temp, as in /tmp, the store can be theirs, and
// with it whatever a start keeps there: the folder that containers are given, and the Docker proxy's socket.
func TestAttackByAnotherUser(t *testing.T) {
	s := ordinary(t, capable(t))
	work := filepath.Dir(s.temp)
	do(t, os.Chmod(work, 0o777|os.ModeSticky), os.Chmod(s.root, 0o777|os.ModeSticky))
	secret := filepath.Join(s.root, "secret")
	do(t, os.WriteFile(secret, []byte("HAVE\n"), 0o600), os.Chown(secret, user, user))
	before := hostMounts(t)
	for what, make := range map[string]string{
		"open store":       `mkdir -m 777 "$0"`,
		"readable store":   `mkdir -m 755 "$0"`,
		"link":             `ln -s /tmp "$0"`,
		"link to a folder": `mkdir -m 777 "$0.x" && ln -s "$0.x" "$0"`,
		"file":             `echo > "$0"`,
	} {
		beside := perpid.Path(s.temp) // which has the claim
		for _, store := range []string{s.store, beside} {
			if c := byOther("/bin/sh", "-c", make, store); c.end(t) != 0 {
				t.Fatalf("%s: %s", what, &c.err)
			}
		}
		for _, settings := range [][]string{nil, {"ISOLATE=overlap"}, {"USERNS=1"}, {"BACKING=tmpfs"}} {
			code, out, stderr := s.run(t, innocent, settings...)
			if code != 125 || out != "" {
				t.Errorf("%s, %q: exit code %d, %q", what, settings, code, out)
			}
			oneLine(t, stderr, beside) // the other is passed over
		}
		do(t, os.RemoveAll(s.store), os.RemoveAll(s.store+".x"), os.RemoveAll(beside), os.RemoveAll(beside+".x"))
	}
	code, out, stderr := s.run(t, innocent)
	if code != 0 || stderr != "" {
		t.Errorf("at last: exit code %d, %q", code, stderr)
	}
	harmless(t, out)
	sameMounts(t, before)
}

// TestAttackByAnotherUserMeanwhile: beside a living Worker the other user gets at nothing of its, in a work folder that
// is open to all. None of what they make there under a name of worker-wrap's is used or deleted.
func TestAttackByAnotherUserMeanwhile(t *testing.T) {
	s := ordinary(t, capable(t))
	work := filepath.Dir(s.temp)
	do(t, os.Chmod(work, 0o777|os.ModeSticky), os.Chmod(s.root, 0o777|os.ModeSticky), os.Chmod(s.temp, 0o700))
	in := command([]string{"DOCKER=off"}, s.worker, "-c", `echo HAVE > `+s.temp+`/secret; echo "$WORKER_WRAP_HOST_TEMP"; read line; cat `+s.temp+`/*`)
	line, err := in.StdinPipe()
	do(t, err, in.Start())
	in.hasSaid(t, "\n")
	host := strings.TrimSpace(in.out.String())
	c := byOther("/bin/sh", "-c", `cat "$0"/* 2>/dev/null; ls "$1" "$0" 2>/dev/null; rm -rf "$0" 2>/dev/null; mv "$0" "$0.x" 2>/dev/null
		mv "$1" "$1.x" 2>/dev/null; mkdir "$1/4194305-1-4026531836-000000000000" 2>/dev/null; echo > "$1/real" 2>/dev/null; echo > "$0/more" 2>/dev/null; echo end`, host, s.store)
	c.end(t)
	if out := c.out.String(); out != "end\n" {
		t.Errorf("the other user gets at %q", out)
	}
	do(t, line.Close())
	if code := in.end(t); code != 0 || in.out.String() != host+"\nHAVE\n" {
		t.Errorf("exit code %d, %q, %q", code, &in.out, &in.err)
	}
	if names := entries(t, s.store); len(names) != 1 {
		t.Errorf("in the store: %q", names)
	}
}

// TestAttackByGuessing: a name that the next process will have, taken before by somebody who may write to the store.
// What is there is never used, and nothing of it that is another's is deleted or changed.
func TestAttackByGuessing(t *testing.T) {
	dir := testkit.Dir(t)
	attack := compile(t, "attack", dir)
	s := ordinary(t, capable(t))
	do(t, os.Mkdir(s.store, 0o777), os.Chmod(s.store, 0o777), os.Chown(s.store, user, user))
	for _, make := range []string{
		`mkdir -m 777 "$0" && echo theirs > "$0/file"`, `ln -s /etc "$0"`, `echo theirs > "$0"`, `mkdir -m 700 "$0" && echo theirs > "$0/file"`,
	} {
		// It says what it will be called, waits, and becomes the Worker.
		c := command([]string{"DOCKER=off"}, attack, "named", s.worker, "-c", `ls -A `+s.temp+`; `+innocent)
		in, err := c.StdinPipe()
		do(t, err, c.Start())
		c.hasSaid(t, "\n")
		name := strings.TrimSpace(c.out.String())
		if o := byOther("/bin/sh", "-c", make, filepath.Join(s.store, name)); o.end(t) != 0 {
			t.Fatalf("%s: %s", make, &o.err)
		}
		do(t, in.Close())
		code := c.end(t)
		_, out, _ := strings.Cut(c.out.String(), "\n")
		if code != 0 || !strings.HasPrefix(out, "Uid") && !strings.HasPrefix(out, "Cap") {
			t.Errorf("%s: exit code %d, %q, %q", make, code, out, &c.err)
		}
		harmless(t, out)
	}
	// What modes let the runner's user delete goes, as anything that is left over. A start looks for that before it moves
	// aside what has its own name, so the next one finds it at the latest.
	if code, _, stderr := s.run(t, "true", "DOCKER=off"); code != 0 {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	eventually(t, func() error {
		kept, err := filepath.Glob(s.store + "/undeletable.*/file")
		do(t, err)
		if len(kept) != 1 {
			return fmt.Errorf("of the other user's closed folder there is %q, and in all %q", kept, entries(t, s.store))
		}
		return nil
	})
}
