package starts_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestMountMax starts a Worker in a namespace that has as many mounts as it may have (fs.mount-max). Then there is room
// for one more, for two, and so on: a start needs two, and a bind may not be left in between.
func TestMountMax(t *testing.T) {
	testkit.RequireRoot(t)
	dir := testkit.Dir(t)
	root, path := testkit.Runner(t, dir, testkit.Binary(t), "/bin/sh")
	full := filepath.Join(dir, "full")
	if err := os.Mkdir(full, 0o755); err != nil {
		t.Fatal(err)
	}
	temp := filepath.Join(root, "_work", "_temp")
	if err := os.MkdirAll(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	// Where open_tree(2) is missing, as behind a filter, mount(2) is what meets the limit.
	old := testkit.RequireTool(t, "strace", "strace") + " -o /dev/null -e trace=open_tree -e inject=open_tree:error=ENOSYS "
	starts := []string{path, "env WORKER_WRAP_BACKING=tmpfs " + path, old + path}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", append([]string{"--mount", "--propagation", "private", self, full, temp}, starts...)...)
	cmd.Env = append(os.Environ(), fullNamespaceVar+"=1", "WORKER_WRAP_DOCKER=off", "WORKER_WRAP_FALLBACK=none")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var all []crampedEnding
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(all) != 3*len(starts) {
		t.Errorf("%d starts", len(all))
	}
	for _, e := range all {
		what := fmt.Sprintf("room for %d: %s", e.Room, e.Start)
		want := refused
		if e.Room >= 2 {
			want = isolated
		}
		got := ending{code: e.Code, out: e.Out, err: e.Err, onHost: e.OnHost}
		if _, err := got.allowed(want); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if want == refused && !strings.Contains(got.err, "fs.mount-max") {
			t.Errorf("%s: nothing says what to do: %q", what, got.err)
		}
	}
}

// fullNamespaceVar makes the test binary the program that TestMountMax runs in a namespace of its own.
const fullNamespaceVar = "WORKER_WRAP_TEST_FULL_NAMESPACE"

type crampedEnding struct {
	Start      string
	Room, Code int
	Out, Err   string
	OnHost     bool
}

// fullNamespace makes mounts below dir until there may be no more, starts Workers, and writes how they ended.
// Then it makes room for one more mount, and for another. It fails if one is left behind.
func fullNamespace(dir, temp string, starts []string) error {
	singles, err := fill(dir)
	if err != nil {
		return err
	}
	var all []crampedEnding
	before := mountCount()
	for room := range 3 {
		if room > 0 {
			if err := unix.Unmount(singles[room-1], 0); err != nil {
				return os.NewSyscallError("umount", err)
			}
		}
		for _, start := range starts {
			e := crampedEnding{Start: start, Room: room}
			var out, stderr strings.Builder
			cmd := exec.Command("/bin/sh", "-c", start+` -c "$0"`, program(temp))
			cmd.Stdout, cmd.Stderr = &out, &stderr
			_ = cmd.Run()
			e.Code, e.Out, e.Err, e.OnHost = cmd.ProcessState.ExitCode(), out.String(), stderr.String(), isOnHost(temp)
			all = append(all, e)
		}
	}
	if after := mountCount(); after != before-2 {
		return fmt.Errorf("%d mounts before, two of them taken away, and %d after", before, after)
	}
	return json.NewEncoder(os.Stdout).Encode(all)
}

func mountCount() int {
	data, _ := os.ReadFile("/proc/self/mountinfo")
	return strings.Count(string(data), "\n")
}

// fill binds a folder until the kernel refuses one more. It returns two that are one mount each.
func fill(dir string) (singles []string, err error) {
	if err := unix.Mount("fill", dir, "tmpfs", 0, ""); err != nil {
		return nil, os.NewSyscallError("mount", err)
	}
	seed := filepath.Join(dir, "seed")
	if err := os.MkdirAll(filepath.Join(seed, "in"), 0o755); err != nil {
		return nil, err
	}
	n := 0
	lay := func(from string) (at string, err error) {
		n++
		at = fmt.Sprintf("%s/%d", dir, n)
		if err := os.Mkdir(at, 0o755); err != nil {
			return "", err
		}
		return at, unix.Mount(from, at, "", unix.MS_BIND|unix.MS_REC, "")
	}
	for range 2 {
		at, err := lay(seed)
		if err != nil {
			return nil, err
		}
		singles = append(singles, at)
	}
	// Each pack has twice as many mounts as the one before: its copy, and in that another.
	packs := []string{seed}
	for {
		last := packs[len(packs)-1]
		at, err := lay(last)
		if err == nil {
			err = unix.Mount(last, at+"/in", "", unix.MS_BIND|unix.MS_REC, "")
		}
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		if err != nil {
			return nil, err
		}
		packs = append(packs, at)
	}
	for len(packs) > 0 {
		_, err := lay(packs[len(packs)-1])
		if errors.Is(err, unix.ENOSPC) {
			packs = packs[:len(packs)-1]
		} else if err != nil {
			return nil, err
		}
	}
	return singles, nil
}
