package starts_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// pidsGroup makes a cgroup whose number of processes can be limited, and returns its folder. It is empty, and
// removed when the test ends.
func pidsGroup(t *testing.T) string {
	t.Helper()
	testkit.RequireRoot(t)
	parent, err := pidsController()
	if err != nil {
		parent, err = mountedController(t)
	}
	if err != nil {
		testkit.Skip(t, "no cgroup can limit processes here: %v", err)
	}
	dir, err := os.MkdirTemp(parent, "worker-wrap-test-")
	if err != nil {
		testkit.Skip(t, "cgroups cannot be made here: %v", err)
	}
	t.Cleanup(func() {
		eventually(t, func() error { return os.Remove(dir) }) // the last process of it may be a zombie for a moment
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pids.max")); err != nil {
		testkit.Skip(t, "processes are not limited by cgroups here: %v", err)
	}
	return dir
}

// pidsController finds a folder in which such cgroups can be made: in the pids hierarchy of cgroups v1 or in
// that of v2.
func pidsController() (string, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	refusal := errors.New("no hierarchy with the pids controller is mounted")
	for line := range strings.Lines(string(data)) {
		before, after, _ := strings.Cut(line, " - ")
		f, fs := strings.Fields(before), strings.Fields(after)
		switch {
		case len(f) < 5 || len(fs) < 3:
		case fs[0] == "cgroup" && slices.Contains(strings.Split(fs[2], ","), "pids"):
			return f[4], nil
		case fs[0] == "cgroup2":
			if err := enablePids(f[4]); err != nil {
				refusal = err
				continue
			}
			return f[4], nil
		}
	}
	return "", refusal
}

// enablePids has the cgroups below dir count their processes.
func enablePids(dir string) error {
	has, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(has)), "pids") {
		return fmt.Errorf("%s has no pids controller", dir)
	}
	return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+pids"), 0)
}

// mountedController mounts cgroups v2 for the length of the test, if it is nowhere yet.
func mountedController(t *testing.T) (string, error) {
	dir := filepath.Join(testkit.Dir(t), "cgroup")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	if err := unix.Mount("cgroup2", dir, "cgroup2", 0, ""); err != nil {
		return "", os.NewSyscallError("mount", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, enablePids(dir)
}
