package early_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// sees returns what a Worker sees as _temp: its identity.
func sees(t *testing.T, s *started, root string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/root%s/_work/_temp", s.cmd.Process.Pid, root), &st)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatal(err)
	}
	return st
}

// remake has _temp removed and made anew, for that user. A keeper makes it if there is none for 100 ms, and may be first.
func remake(t *testing.T, temp string, uid int) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(temp), os.MkdirAll(temp, 0o755), os.Chown(temp, uid, uid)); err != nil {
		t.Fatal(err)
	}
}

// TestLaidAgain: whoever is in the plain _temp removes it while another Worker has one of its own, and makes it anew at
// once, later, or never: each time the other sees its own again, and nobody else does.
func TestLaidAgain(t *testing.T) {
	testkit.RequireRoot(t)
	root := root(t)
	start(t, root, alone)
	second, third := start(t, root, alone), start(t, root, alone)
	own, other := sees(t, second, root), sees(t, third, root)
	temp := root + "/_work/_temp"
	again := func() bool {
		return sees(t, second, root).Ino == own.Ino && sees(t, third, root).Ino == other.Ino
	}
	for _, how := range []struct{ name, script string }{
		{"at once", `rm -rf "$0" && mkdir -p "$0"`},
		{"renamed away", `mv "$0" "$0.old" && mkdir -p "$0" && rmdir "$0.old"`},
		{"never", `rm -rf "$0"`},
		{"with all of the work folder", `rm -rf "${0%/*}"/* && mkdir -p "$0"`},
		{"twice", `rm -rf "$0" && mkdir -p "$0" && rm -rf "$0" && mkdir -p "$0"`},
	} {
		t.Run(how.name, func(t *testing.T) {
			before := sees(t, second, root)
			if out, err := exec.Command("/bin/sh", "-ec", how.script, temp).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			testkit.Await(t, "each sees its own", again)
			if before.Ino != own.Ino {
				t.Error("it had not its own before")
			}
			var plain unix.Stat_t
			testkit.Await(t, "there is a plain _temp", func() bool { return unix.Stat(temp, &plain) == nil })
			if plain.Ino == own.Ino || plain.Ino == other.Ino {
				t.Error("the host sees the folder of a Worker")
			}
		})
	}
}

// rootOf is root of a user's, with a worker-wrap that has the file capability.
func rootOf(t *testing.T, uid int) string {
	t.Helper()
	root := root(t)
	entry := root + "/bin/Runner.Worker"
	if err := errors.Join(os.Remove(entry), os.Symlink(testkit.Capable(t), entry)); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, root, uid)
	return root
}

// TestLaidAgainForAUser whom the file capability serves. The keeper's part of it is nobody's to look into or to trace.
func TestLaidAgainForAUser(t *testing.T) {
	testkit.RequireRoot(t)
	const uid = 61234
	root := rootOf(t, uid)
	first, second := startAs(t, uid, root, alone), startAs(t, uid, root, alone)
	if !first.isAlone(t) || second.isAlone(t) {
		t.Fatal("the first is not alone, or the second is")
	}
	own := sees(t, second, root)
	temp := root + "/_work/_temp"
	remove := testkit.AsUser(exec.Command("/bin/sh", "-ec", `rm -rf "$0" && mkdir -p "$0"`, temp), uid)
	if out, err := remove.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	testkit.Await(t, "it sees its own", func() bool { return sees(t, second, root).Ino == own.Ino })
	keeper := keeperOf(t, second.cmd.Process.Pid)
	look := testkit.AsUser(exec.Command("/bin/ls", fmt.Sprintf("/proc/%d/fd", keeper)), uid)
	if out, err := look.CombinedOutput(); err == nil {
		t.Errorf("its user can look into the keeper: %s", out)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", keeper))
	if err != nil || !strings.Contains(string(status), "CapEff:\t0000000000000000\n") || !strings.Contains(string(status), "CapPrm:\t0000000000200000\n") {
		t.Errorf("the keeper's capabilities: %s, %v", status, err)
	}
}

// TestLaidAgainInAUserNamespace, by a keeper that has the capability there only.
func TestLaidAgainInAUserNamespace(t *testing.T) {
	testkit.RequireRoot(t)
	const uid = 61234
	root := root(t)
	testkit.Give(t, root, uid)
	startAs(t, uid, root, alone)
	second := startAs(t, uid, root, alone, "WORKER_WRAP_USERNS=1")
	var pid int // of the supervisor's child
	for _, v := range second.env {
		if dir, ok := strings.CutPrefix(v, perpid.HostTempVar+"="); ok {
			o, _, _ := perpid.Parse(filepath.Base(dir))
			pid = o.PID
		}
	}
	temp := root + "/_work/_temp"
	seen := func() (st unix.Stat_t) {
		_ = unix.Stat(fmt.Sprintf("/proc/%d/root%s", pid, temp), &st)
		return st
	}
	var plain unix.Stat_t
	own := seen()
	if err := unix.Stat(temp, &plain); err != nil || own.Ino == 0 || own.Ino == plain.Ino {
		t.Fatalf("process %d sees %d, the host %d, %v; %q", pid, own.Ino, plain.Ino, err, second.env)
	}
	for _, script := range []string{`rm -rf "$0" && mkdir -p "$0"`, `rm -rf "$0"`} {
		remove := testkit.AsUser(exec.Command("/bin/sh", "-ec", script, temp), uid)
		if out, err := remove.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		testkit.Await(t, "it sees its own", func() bool { return seen().Ino == own.Ino })
		testkit.Await(t, "there is a plain _temp", func() bool { return unix.Stat(temp, &plain) == nil })
		if plain.Ino == own.Ino {
			t.Error("the host sees its folder")
		}
	}
	second.end()
	if e := endOf(t, root, pid); e.Outcome != events.Ended {
		t.Errorf("its end is %+v", e)
	}
}

// TestLaidElsewhere: whoever is in the plain _temp makes it a link, or removes the work folder whole: the other sees
// its own again wherever that leads, or a new one of its own if that was removed too. The host does not.
func TestLaidElsewhere(t *testing.T) {
	testkit.RequireRoot(t)
	const remove = `until rm -rf "$1/_work"; do :; done` // _temp may have been made anew in between
	for _, how := range []struct{ name, script string }{
		{"a link", `mkdir "$1/elsewhere"; until rm -rf "$0" && ln -sT ../elsewhere "$0"; do :; done`},
		{"a link and a folder again", `mkdir "$1/elsewhere"; until rm -rf "$0" && ln -sT ../elsewhere "$0"; do :; done; rm "$0"; mkdir -p "$0"`},
		{"all of it, made anew", remove + `; mkdir -p "$0"`},
		{"all of it, renamed away", `mv "$1/_work" "$1/_old"; mkdir -p "$0"`},
		{"all of it, for good", remove},
		{"all of it, twice", remove + `; mkdir -p "$0"; ` + remove + `; mkdir -p "$0"`},
	} {
		t.Run(how.name, func(t *testing.T) {
			root := root(t)
			start(t, root, alone)
			second := start(t, root, alone)
			before, temp := sees(t, second, root), root+"/_work/_temp"
			if out, err := exec.Command("/bin/sh", "-ec", how.script, temp, root).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			file := fmt.Sprintf("/proc/%d/root%s/file", second.cmd.Process.Pid, temp)
			testkit.Await(t, "it sees its own", func() bool {
				var plain unix.Stat_t
				now := sees(t, second, root)
				return unix.Stat(temp, &plain) == nil && now.Ino != 0 && now.Ino != plain.Ino && os.WriteFile(file, nil, 0o600) == nil
			})
			if now := sees(t, second, root); now.Ino != before.Ino && !strings.Contains(how.name, "all of it") {
				t.Error("it sees another folder than before")
			}
			if _, err := os.Stat(temp + "/file"); err == nil {
				t.Error("the host sees its file")
			}
			second.end()
			if e := endOf(t, root, second.cmd.Process.Pid); e.Outcome != events.Ended {
				t.Errorf("its end is %+v", e)
			}
		})
	}
}

// TestLaidOverNothingElse: for a user nothing is covered but a folder of their own.
func TestLaidOverNothingElse(t *testing.T) {
	testkit.RequireRoot(t)
	const uid = 61234
	root := rootOf(t, uid)
	startAs(t, uid, root, alone)
	second := startAs(t, uid, root, alone)
	own, temp := sees(t, second, root), root+"/_work/_temp"
	if err := errors.Join(os.Mkdir(root+"/roots", 0o777), os.Chmod(root+"/roots", 0o777)); err != nil {
		t.Fatal(err)
	}
	as := func(script string) {
		t.Helper()
		if out, err := testkit.AsUser(exec.Command("/bin/sh", "-ec", script, temp), uid).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	keeper := keeperOf(t, second.cmd.Process.Pid)
	relays := func() string {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", keeper, keeper))
		return string(children)
	}
	as(`until rm -rf "$0" && ln -sT ../roots "$0"; do :; done`) // it may have been made anew in between
	testkit.Await(t, "a relay is started", func() bool { return relays() != "" })
	testkit.Await(t, "it has ended", func() bool { return relays() == "" })
	if now := sees(t, second, root); now.Ino == own.Ino {
		t.Error("a folder of root's is covered, as its user's link leads there")
	}
	as(`rm "$0"; mkdir -p "$0"`)
	testkit.Await(t, "it sees its own", func() bool { return sees(t, second, root).Ino == own.Ino })
}

// TestRelayByHand: nobody but a keeper can have a folder laid in a namespace that others see.
func TestRelayByHand(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	for _, name := range []string{"/work", "/work/_temp", "/private"} {
		if err := errors.Join(os.Mkdir(dir+name, 0o755), os.Chown(dir+name, 61234, 61234)); err != nil {
			t.Fatal(err)
		}
	}
	var files []*os.File
	for _, name := range []string{"/work", "/private"} {
		f, err := os.Open(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	cmd := testkit.AsUser(exec.Command(testkit.Capable(t), "__relay"), 61234)
	cmd.ExtraFiles = files
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Errorf("it did what it was told: %s", out)
	}
	var private, temp unix.Stat_t
	if err := errors.Join(unix.Stat(dir+"/private", &private), unix.Stat(dir+"/work/_temp", &temp)); err != nil {
		t.Fatal(err)
	}
	if private.Ino == temp.Ino {
		t.Error("the folder lies over _temp, for everybody to see")
	}
}
