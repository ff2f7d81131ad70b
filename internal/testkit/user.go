package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Give gives everything below a folder, and the folder, to a user, by a uid that is the gid too.
func Give(t testing.TB, dir string, uid int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// AsUser makes cmd a process of an ordinary user, whose gid is the uid too, and returns it.
func AsUser(cmd *exec.Cmd, uid int, groups ...uint32) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), Groups: groups}
	return cmd
}

// setpriv is not to be a busybox's, which guests have too.
const setpriv = "/usr/bin/setpriv"

// UserWords is what stands before a command that root runs as an ordinary user, with more options of setpriv(1) if
// there are any. The user and group are names or numbers.
//
// The shell between is needed. setpriv keeps root's permitted capabilities until execve(2), so the program that
// setpriv itself starts gains nothing by a file capability: it stays dumpable, and keeps its parent-death signal.
func UserWords(user, group string, options ...string) []string {
	words := append([]string{setpriv, "--reuid", user, "--regid", group, "--clear-groups"}, options...)
	return append(words, "sh", "-c", `exec "$@"`, "sh")
}

// UserLine is [UserWords] for a shell script.
func UserLine(user, group string) string {
	return setpriv + " --reuid " + user + " --regid " + group + ` --clear-groups sh -c 'exec "$@"' sh`
}

// User makes an ordinary user of the machine for the length of the test, and returns its name and uid,
// which is its gid too. It has no password and no home.
func User(t testing.TB) (name string, uid int) {
	t.Helper()
	RequireRoot(t)
	useradd := RequireTool(t, "useradd", "passwd")
	name = fmt.Sprintf("wwtest%d-%x", os.Getpid(), time.Now().UnixNano()&0xffffff) // a run that was broken off leaves its user
	if out, err := exec.Command(useradd, "--no-create-home", "--user-group", "--home-dir", "/", "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		// What the user's processes leave to end by themselves, as Podman's, may take a moment.
		const used = 8
		for end := time.Now().Add(Patience); ; time.Sleep(50 * time.Millisecond) {
			cmd := exec.Command(RequireTool(t, "userdel", "passwd"), name)
			out, err := cmd.CombinedOutput()
			if err == nil {
				return
			}
			if cmd.ProcessState.ExitCode() != used || time.Now().After(end) {
				t.Errorf("userdel: %v\n%s", err, out)
				return
			}
		}
	})
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		t.Fatal(err)
	}
	return name, uid
}

// MaySudo lets the user run everything as root without a password, for the length of the test.
func MaySudo(t testing.TB, name string) {
	t.Helper()
	RequireTool(t, "sudo", "sudo")
	path := "/etc/sudoers.d/" + name
	if err := os.WriteFile(path, []byte(name+" ALL=(ALL) NOPASSWD: ALL\n"), 0o440); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	})
}
