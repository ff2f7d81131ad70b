package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"testing"
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

// User makes an ordinary user of the machine for the length of the test, and returns its name and uid,
// which is its gid too. It has no password and no home.
func User(t testing.TB) (name string, uid int) {
	t.Helper()
	RequireRoot(t)
	useradd := RequireTool(t, "useradd", "passwd")
	name = fmt.Sprintf("wwtest%d", os.Getpid())
	if out, err := exec.Command(useradd, "--no-create-home", "--user-group", "--home-dir", "/", "--shell", "/bin/sh", name).CombinedOutput(); err != nil {
		t.Fatalf("useradd: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command(RequireTool(t, "userdel", "passwd"), name).CombinedOutput(); err != nil {
			t.Errorf("userdel: %v\n%s", err, out)
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
