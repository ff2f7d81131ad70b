package shim_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStartsAmongManyMounts makes starts on a host with 5,000 mounts more, in a namespace of the test's own.
func TestStartsAmongManyMounts(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	_, path := testkit.Runner(t, dir, testkit.Binary(t), "/bin/true")
	script := `
set -e
mount -t tmpfs -o size=64m many "$1"
mount --make-shared "$1"
mkdir "$1/from" "$1/to"
i=0
while [ $i -lt 5000 ]; do mkdir "$1/to/$i"; i=$((i+1)); done
exec "$3" "$1" "$2"
`
	// mount(8) once for each of 5,000 mounts takes longer than all else here, so the test binary mounts.
	many := filepath.Join(dir, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", many, path, self)
	cmd.Env = append(os.Environ(), manyMountsVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "50 starts, 5000 mounts before and after\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// manyMountsVar makes the test binary the program that TestStartsAmongManyMounts runs.
const manyMountsVar = "WORKER_WRAP_TEST_MANY_MOUNTS"

// manyMounts binds one folder 5,000 times and starts Workers.
func manyMounts(dir, path string) error {
	for i := range 5000 {
		if err := unix.Mount(dir+"/from", fmt.Sprintf("%s/to/%d", dir, i), "", unix.MS_BIND, ""); err != nil {
			return os.NewSyscallError("mount", err)
		}
	}
	count := func() int {
		data, _ := os.ReadFile("/proc/self/mountinfo")
		return strings.Count(string(data), dir+"/to/")
	}
	before := count()
	for range 50 {
		if out, err := exec.Command(path).CombinedOutput(); err != nil {
			return fmt.Errorf("a start failed: %w\n%s", err, out)
		}
	}
	if after := count(); after != before {
		return fmt.Errorf("%d mounts before, %d after", before, after)
	}
	_, err := fmt.Printf("50 starts, %d mounts before and after\n", before)
	return err
}
