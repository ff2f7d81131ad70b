package starts_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// looks are calls that change nothing: a start that is killed before one leaves what it leaves before the next other call.
var looks = []string{
	"capget", "close", "faccessat", "faccessat2", "fcntl", "fgetxattr", "fstat", "fstatfs", "getcwd", "getdents64", "getrlimit", "getxattr",
	"lseek", "newfstatat", "open", "openat", "openat2", "pread64", "read", "readlinkat", "statfs", "statx",
}

// TestKilledAtEachCall kills a start before each of its system calls that changes something. It looks for what stays on
// the host, and whether the next start clears it away.
func TestKilledAtEachCall(t *testing.T) {
	testkit.RequireRoot(t)
	strace := testkit.RequireTool(t, "strace", "strace")
	type runner struct{ path, store, temp, log string }
	start := func(r runner, options ...string) ([]byte, error) {
		leave(t, r.store, r.temp)
		args := append(append([]string{"-o", r.log}, options...), "--", r.path, "-c", "echo >"+r.temp+"/of-the-job")
		return exec.Command(strace, args...).CombinedOutput()
	}
	runners := make(chan runner, runtime.NumCPU())
	for range cap(runners) {
		root, path := testkit.Runner(t, testkit.Dir(t), testkit.Binary(t), "/bin/sh")
		runners <- runner{path, filepath.Join(root, perpid.StoreName), filepath.Join(root, "_work", "_temp"), filepath.Join(t.TempDir(), "trace")}
	}
	before := hostMounts(t)
	r := <-runners
	if out, err := start(r); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tr := readTrace(t, r.log)
	runners <- r
	calls := slices.DeleteFunc(slices.Clone(tr.calls[tr.main]), func(c call) bool { return slices.Contains(looks, c.name) })
	var killed atomic.Int64
	parallel(len(calls), cap(runners), func(i int) {
		r, c := <-runners, calls[i-1]
		defer func() { runners <- r }()
		out, err := start(r, "-e", "trace="+c.name, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", c.name, c.nth))
		if err != nil {
			killed.Add(1)
		}
		if len(out) > 0 {
			t.Errorf("%s no. %d: said %q", c.name, c.nth, out)
		}
		if left := entries(t, r.temp); len(left) > 0 {
			t.Errorf("%s no. %d: in the host's _temp: %v", c.name, c.nth, left)
		}
	})
	if n := int(killed.Load()); n < 10 || n < len(calls)*9/10 { // what a start makes only now and then may not come
		t.Errorf("of %d calls %d were the last", len(calls), n)
	}
	t.Logf("killed before %d of %d calls", killed.Load(), len(calls))
	sameMounts(t, before)
	for range cap(runners) {
		r := <-runners
		eventually(t, func() error {
			if out, err := exec.Command(r.path, "-c", ":").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			return atMostOne(entries(t, r.store))
		})
	}
}
