package starts_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStartsAmongManyMounts makes starts on a host with 5,000 mounts more, in a namespace of the test's own. Nothing is
// left of them: neither mounts, there or outside, nor processes, nor files but the events and the last one's folder.
func TestStartsAmongManyMounts(t *testing.T) {
	testkit.RequireRoot(t)
	adopt(t)
	dir := testkit.Dir(t)
	root, path := testkit.Runner(t, dir, testkit.Binary(t), "/bin/true")
	script := `
set -e
mount -t tmpfs -o size=64m many "$1"
mount --make-shared "$1"
mkdir "$1/from" "$1/to"
exec "$3" "$1" "$2"
`
	// mkdir(1) and mount(8) once for each of 5,000 mounts take longer than all else here, so the test binary does that.
	many := filepath.Join(dir, "many")
	if err := os.Mkdir(many, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	outside := hostMounts(t)
	cmd := exec.Command("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", many, path, self)
	cmd.Env = append(os.Environ(), manyMountsVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if want := "50 starts, 5000 mounts before and after\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	(&ground{}).alone(t)
	sameMounts(t, outside)
	store := filepath.Join(root, perpid.StoreName)
	if err := atMostOne(entries(t, store)); err != nil {
		t.Error(err)
	}
	if got := entries(t, filepath.Join(root, "_work")); !slices.Equal(got, []string{"_temp"}) {
		t.Errorf("in the work folder: %q", got)
	}
	if got := entries(t, filepath.Join(root, "_work", "_temp")); len(got) > 0 {
		t.Errorf("in the host's _temp: %q", got)
	}
}

// manyMountsVar makes the test binary the program that TestStartsAmongManyMounts runs.
const manyMountsVar = "WORKER_WRAP_TEST_MANY_MOUNTS"

// manyMounts binds one folder 5,000 times and starts Workers.
func manyMounts(dir, path string) error {
	for i := range 5000 {
		if err := os.Mkdir(fmt.Sprintf("%s/to/%d", dir, i), 0o755); err != nil {
			return err
		}
		if err := unix.Mount(dir+"/from", fmt.Sprintf("%s/to/%d", dir, i), "", unix.MS_BIND, ""); err != nil {
			return os.NewSyscallError("mount", err)
		}
	}
	// All of them, as a bind could be left on _temp or bin too.
	look := func() string {
		data, _ := os.ReadFile("/proc/self/mountinfo")
		return string(data)
	}
	before := look()
	for range 50 {
		if out, err := exec.Command(path).CombinedOutput(); err != nil {
			return fmt.Errorf("a start failed: %w\n%s", err, out)
		}
	}
	if after := look(); after != before {
		return fmt.Errorf("mounts are gone:\n%s\nor left:\n%s", lacking(after, before), lacking(before, after))
	}
	_, err := fmt.Printf("50 starts, %d mounts before and after\n", strings.Count(before, dir+"/to/"))
	return err
}

// lacking returns the lines of text that are not in those of another.
func lacking(other, text string) string {
	has := map[string]bool{}
	for line := range strings.Lines(other) {
		has[line] = true
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		if !has[line] {
			out.WriteString(line)
		}
	}
	return out.String()
}
