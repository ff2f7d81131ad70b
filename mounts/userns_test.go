package mounts

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// usernsVar makes the test binary the program that TestBindInUserNamespace runs.
const usernsVar = "MOUNTS_TEST_USERNS"

func TestMain(m *testing.M) {
	if dir := os.Getenv(usernsVar); dir != "" {
		if err := bindInUserNamespace(dir); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	testkit.Main(m)
}

// TestBindInUserNamespace lays a bind where all mounts are locked, since a user namespace with less
// privilege copied them (mount_namespaces(7)).
func TestBindInUserNamespace(t *testing.T) {
	dir := testkit.Dir(t)
	for _, d := range []string{"/temp", "/private", "/private/fresh"} {
		if err := os.Mkdir(dir+d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), usernsVar+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && strings.Contains(err.Error(), "operation not permitted") {
		testkit.Skip(t, "needs user namespaces: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(dir + "/temp/fresh"); err == nil {
		t.Error("the bind is seen outside")
	}
}

func bindInUserNamespace(dir string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	var files []*os.File
	for _, name := range []string{"/private", "/temp"} {
		f, err := os.OpenFile(dir+name, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	r, err := Bind(0, Mount{Source: files[0], Target: files[1]})
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir + "/temp/fresh"); err != nil {
		return err
	}
	if len(r.Slaves) != 1 {
		return fmt.Errorf("%d mounts became slaves, want the one that cannot rejoin because mounts on it are locked", len(r.Slaves))
	}
	return nil
}
