package left_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestStay: if the kernel tells no ID the keeper stays until nothing is left in the namespace that it holds open, and
// then deletes the record. So it is not given to another meanwhile.
func TestStay(t *testing.T) {
	testkit.RequireRoot(t)
	cmd, ns := apart(t)
	view, err := os.Open("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	dir := testkit.Dir(t)
	diag, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer diag.Close()
	worker := dead(t)
	if err := left.Note(diag, left.Record{Worker: worker.String(), Begun: time.Now(), Inode: ns.Inode, Keeper: worker.String()}); err != nil {
		t.Fatal(err)
	}
	held, err := left.Hold("/runner", diag, worker, "/proc/self/fd/"+strconv.Itoa(int(view.Fd())), time.Now().Add(-time.Hour)) // so nothing hidden is later
	if err != nil || held == nil {
		t.Fatalf("%v, %v", held, err)
	}
	if done, err := held.End(); err != nil || len(done.Gone)+len(done.Left) > 0 { // its record does not ask for that
		t.Fatalf("%+v, %v", done, err)
	}
	over := make(chan error, 1)
	go func() { over <- held.Stay() }()
	path := dir + "/" + left.Prefix + worker.String()
	select {
	case err := <-over:
		t.Fatalf("it does not stay: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	data, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(data), "\nended ") {
		t.Errorf("%q, %v", data, err)
	}
	if err := cmd.Process.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	select {
	case err := <-over:
		if _, gone := os.Lstat(path); err != nil || gone == nil {
			t.Errorf("%v; the record: %v", err, gone)
		}
	case <-time.After(testkit.Patience):
		t.Error("it stays though nothing is left")
	}
}
