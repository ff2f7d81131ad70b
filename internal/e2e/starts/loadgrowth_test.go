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
)

// begin notes what there is before the load, after a start that makes what the first start makes.
func (g *ground) begin(t *testing.T) {
	t.Helper()
	if err := g.start(); err != nil {
		t.Fatal(err)
	}
	if g.use != nil {
		g.use()
	}
	g.alone(t)
	g.mounts, g.disk = hostMounts(t), g.swept(t)
	for i := range g.long {
		l := &g.long[i]
		l.descriptor, l.memory = len(descriptors(t, l.pid)), resident(t, l.pid)
	}
}

// end demands that nothing has grown: no mounts, no descriptors, no processes, no memory and nothing on disk.
func (g *ground) end(t *testing.T) {
	t.Helper()
	if g.use != nil {
		g.use()
	}
	g.alone(t)
	if after := hostMounts(t); after != g.mounts {
		t.Errorf("the host's mounts changed:\n%s\nto\n%s", g.mounts, after)
	}
	if after := g.swept(t); after != g.disk {
		t.Errorf("on disk were %s and are %s", g.disk, after)
	}
	for _, l := range g.long {
		eventually(t, func() error { // a connection that was just closed is still being let go of
			if after := len(descriptors(t, l.pid)); after > l.descriptor {
				return fmt.Errorf("%s had %d descriptors and has %d: %q", l.name, l.descriptor, after, descriptors(t, l.pid))
			}
			return nil
		})
		const few = 8 << 10 // the collector of Go's runtime takes its time
		after := resident(t, l.pid)
		t.Logf("%s had %d KiB in memory and has %d, %d descriptors", l.name, l.memory, after, l.descriptor)
		if after > l.memory+few {
			t.Errorf("%s had %d KiB in memory and has %d", l.name, l.memory, after)
		}
	}
	if names := entries(t, g.temp); len(names) > 0 {
		t.Errorf("in the host's _temp: %v", names)
	}
}

// alone waits until of all processes that Workers have left only those of the long-living ones are there.
func (g *ground) alone(t *testing.T) {
	t.Helper()
	eventually(t, func() error {
		var left []string
		for _, pid := range childrenOf(t, os.Getpid()) {
			if slices.Contains(g.workers, pid) || slices.ContainsFunc(g.long, func(l longLived) bool { return l.pid == pid }) {
				continue
			}
			if got, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil || got != pid {
				line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				left = append(left, fmt.Sprintf("%d %q", pid, line))
			}
		}
		if len(left) > 0 {
			return fmt.Errorf("processes are left: %q", left)
		}
		return nil
	})
}

// swept tells what lies on the runner's file system when nothing of the dead and no events do.
func (g *ground) swept(t *testing.T) string {
	t.Helper()
	if out, err := exec.Command(g.shim, "gc", "--runner-root", g.root).CombinedOutput(); err != nil {
		t.Errorf("gc: %v\n%s", err, out)
	}
	// The owner and the socket of each long-living Worker.
	if names := entries(t, g.store); len(names) != 2*len(g.workers) {
		t.Errorf("in the store: %v", names)
	}
	var events int64
	diag := filepath.Join(g.root, "_diag")
	for _, name := range entries(t, diag) {
		st, err := os.Stat(filepath.Join(diag, name))
		if err != nil {
			t.Fatal(err)
		}
		events += st.Size()
		if err := os.Remove(filepath.Join(diag, name)); err != nil {
			t.Fatal(err)
		}
	}
	if most := int64(2*4<<20 + 4096); events > most {
		t.Errorf("the events of the starts take %d bytes, want no more than two files of 4 MiB", events)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(g.root, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d blocks, %d files", st.Blocks-st.Bfree, st.Files-st.Ffree)
}

// descriptors lists what a process has open.
func descriptors(t *testing.T, pid int) (out []string) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	for _, name := range entries(t, dir) {
		target, _ := os.Readlink(filepath.Join(dir, name))
		out = append(out, target)
	}
	return out
}

// resident tells how many KiB of a process are in memory.
func resident(t *testing.T, pid int) (kib int) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), "\nVmRSS:")
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}
