package early_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// endOf waits for the event of a Worker's end.
func endOf(t *testing.T, root string, worker int) (e events.Event) {
	t.Helper()
	testkit.Await(t, fmt.Sprintf("the end of process %d is recorded", worker), func() bool {
		f, err := os.Open(filepath.Join(root, "_diag", events.FileName))
		if err != nil {
			return false
		}
		defer f.Close()
		for got, err := range events.Read(f) {
			if err == nil && got.Kind == events.End && got.Job.PID == worker {
				e = got
				return true
			}
		}
		return false
	})
	return e
}

// folders returns what is in the store, less the claim.
func folders(t *testing.T, root string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(root + "/.worker-wrap")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != perpid.ClaimName {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestSweptAtTheEnd: what a private Worker used is gone when it is recorded that it has ended, whoever it was and
// however it ended. What another one uses stays.
func TestSweptAtTheEnd(t *testing.T) {
	testkit.RequireRoot(t)
	for _, uid := range []int{0, 61234} {
		root := rootOf(t, uid)
		first, stays := startAs(t, uid, root, alone), startAs(t, uid, root, alone)
		for _, kill := range []bool{false, true} {
			s := startAs(t, uid, root, alone)
			pid := s.cmd.Process.Pid
			if got := folders(t, root); len(got) != 2 {
				t.Fatalf("for two private Workers there are %q", got)
			}
			put(t, fmt.Sprintf("/proc/%d/root%s/_work/_temp/file", pid, root), "what a job left", 0o600)
			keeper := keeperOf(t, pid)
			for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGUSR1, unix.SIGCHLD, unix.SIGURG, 40} {
				if err := unix.Kill(keeper, signal); err != nil {
					t.Fatal(err)
				}
			}
			if kill {
				if err := s.cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			s.end()
			e := endOf(t, root, pid)
			if e.Outcome != events.Ended || e.Files != 2 || !strings.HasPrefix(e.Dir, fmt.Sprintf("%s/.worker-wrap/%d-", root, pid)) || e.Error != "" || e.Stages[0].Duration <= 0 {
				t.Errorf("the event is %+v", e)
			}
			if got := folders(t, root); len(got) != 1 {
				t.Errorf("after its end there are %q", got)
			}
		}
		if err := unix.Kill(keeperOf(t, first.cmd.Process.Pid), unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		first.end()
		if e := endOf(t, root, first.cmd.Process.Pid); e.Files != 0 || e.Dir != "" || e.Outcome != events.Ended {
			t.Errorf("of the one that was alone the event is %+v", e)
		}
		if got := sees(t, stays, root); got.Nlink == 0 || len(folders(t, root)) != 1 {
			t.Errorf("the one that stays sees %+v", got)
		}
	}
}

// TestEndTellsWhatStays: what the runner's user may not delete, as what sudo has made, is told of.
func TestEndTellsWhatStays(t *testing.T) {
	testkit.RequireRoot(t)
	const uid = 61234
	root := rootOf(t, uid)
	startAs(t, uid, root, alone)
	s := startAs(t, uid, root, alone)
	folder := filepath.Join(root, ".worker-wrap", folders(t, root)[0])
	if err := os.MkdirAll(folder+"/roots/own", 0o755); err != nil {
		t.Fatal(err)
	}
	s.end()
	if e := endOf(t, root, s.cmd.Process.Pid); e.Outcome != events.Partly || !strings.Contains(e.Error, "roots/own") {
		t.Errorf("the event is %+v", e)
	}
}

// TestSweptWithMounts: what a job has mounted in its _temp is gone with its namespace, and is nothing that stays.
func TestSweptWithMounts(t *testing.T) {
	testkit.RequireRoot(t)
	nsenter := testkit.RequireTool(t, "nsenter", "util-linux")
	root := root(t)
	start(t, root, alone)
	s := start(t, root, alone)
	pid := s.cmd.Process.Pid
	mount := exec.Command(nsenter, fmt.Sprintf("--mount=/proc/%d/ns/mnt", pid), "sh", "-ec",
		`mount --make-rprivate /; mkdir "$0/mount"; mount -t tmpfs tmpfs "$0/mount"; echo >"$0/mount/file"`, root+"/_work/_temp")
	if out, err := mount.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s.end()
	if e := endOf(t, root, pid); e.Outcome != events.Ended || len(folders(t, root)) != 0 {
		t.Errorf("the event is %+v, and there are %q", e, folders(t, root))
	}
}
