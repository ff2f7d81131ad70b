package gc

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// dead returns the name of an owner that cannot live: PID 1 did not start at the end of time.
func dead(t *testing.T, start uint64) string {
	t.Helper()
	o, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o.PID, o.Start = 1, 1<<62+start
	return o.String()
}

func fill(t *testing.T, dir string, folders, files int) {
	t.Helper()
	for i := range folders {
		d := filepath.Join(dir, strings.Repeat("d", i+1))
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		for j := range files {
			if err := os.WriteFile(filepath.Join(d, strings.Repeat("f", j+1)), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// of returns runners that have these stores.
func of(stores ...string) (out []runner.Layout) {
	for _, store := range stores {
		work := filepath.Dir(store)
		out = append(out, runner.Layout{Root: filepath.Dir(work), Work: work, Temp: filepath.Join(work, "_temp")})
	}
	return out
}

func TestRunRemovesWhatIsDeadAndNothingElse(t *testing.T) {
	store := filepath.Join(testkit.Dir(t), perpid.StoreName)
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := self
	elsewhere.PIDNS, elsewhere.Boot = 12345, "0123456789ab" // another machine's, perhaps
	fill(t, filepath.Join(store, dead(t, 1)), 20, 30)
	fill(t, filepath.Join(store, "undeletable."+dead(t, 2)), 2, 3)
	fill(t, filepath.Join(store, self.String()), 1, 1)
	fill(t, filepath.Join(store, elsewhere.String()), 1, 1)
	fill(t, filepath.Join(store, "somebody-elses"), 1, 1)

	dry, err := Run(Options{Runners: of(store), DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	deleted, kept := 2, 0
	if os.Geteuid() != 0 { // what could not be deleted once is root's to delete
		deleted, kept = 1, 1
	}
	if len(dry) != 1 || len(dry[0].Deleted) != deleted || len(dry[0].Kept) != kept || dry[0].Living != 1 || dry[0].Unknown != 1 {
		t.Errorf("dry run: %+v; want %d to delete, %d to keep, one living and one that may be", dry, deleted, kept)
	}
	var count atomic.Int64
	got, err := Run(Options{Runners: of(store, filepath.Join(filepath.Dir(store), "missing", "work", perpid.StoreName)), Deleted: &count})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || len(got[0].Deleted) != 2 || len(got[0].Kept) != 0 {
		t.Errorf("run: %+v; want two deleted", got)
	}
	if want := int64(20*30 + 20 + 1 + 2*3 + 2 + 1); count.Load() != want {
		t.Errorf("counted %d deletions, want %d", count.Load(), want)
	}
	left, err := os.ReadDir(store)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 3 {
		t.Errorf("left in the store: %v; want the living one's, what may be another machine's and what is not worker-wrap's", left)
	}
}

func TestRunSparesWhatIsRecent(t *testing.T) {
	store := filepath.Join(testkit.Dir(t), perpid.StoreName)
	fill(t, filepath.Join(store, dead(t, 1)), 1, 1)
	got, err := Run(Options{Runners: of(store), OlderThan: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Deleted == nil || got[0].Kept == nil || len(got[0].Deleted) != 0 {
		t.Errorf("%#v; want nothing deleted, and a list of that: it is a moment old", got)
	}
	time.Sleep(20 * time.Millisecond)
	got, err = Run(Options{Runners: of(store), OlderThan: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || len(got[0].Deleted) != 1 {
		t.Errorf("%+v; want it deleted once it is old enough", got)
	}
}

// TestRootRemovesWhatTheRunnerCannot replays actions/runner #529: a container left a folder of root's.
func TestRootRemovesWhatTheRunnerCannot(t *testing.T) {
	testkit.RequireRoot(t)
	binary := testkit.Binary(t)
	root, _ := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
	store := filepath.Join(root, "_work", perpid.StoreName)
	left := filepath.Join(store, dead(t, 1))
	fill(t, filepath.Join(left, "of-root"), 1, 1)
	const nobody = 65534
	for _, path := range []string{filepath.Dir(store), store, left} {
		if err := os.Chown(path, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	run := func(uid uint32, want int, more ...string) string {
		t.Helper()
		cmd := exec.Command(binary, append([]string{"gc", "--runner-root", root}, more...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != want {
			t.Fatalf("gc as uid %d: %v, want exit code %d\n%s", uid, err, want, out)
		}
		return string(out)
	}
	if out := run(nobody, 1); !strings.Contains(out, "could not remove") || !strings.Contains(out, "permission denied") || !strings.Contains(out, "sudo worker-wrap gc") {
		t.Errorf("gc as the runner's user does not say what it could not remove, why, and who can:\n%s", out)
	}
	if out := run(nobody, 1, "--dry-run"); !strings.Contains(out, "would remove nothing") || !strings.Contains(out, "could not remove "+store+"/undeletable.") || !strings.Contains(out, "sudo worker-wrap gc") {
		t.Errorf("a dry run of the runner's user would remove what could not be removed:\n%s", out)
	}
	if out := run(0, 0, "--dry-run"); !strings.Contains(out, "would remove 1 folder (1 file, ") {
		t.Errorf("dry run as root: %s", out)
	}
	if out := run(0, 0); !strings.Contains(out, "removed 1 folder (1 file, ") {
		t.Errorf("gc as root: %s", out)
	}
	if names, err := os.ReadDir(store); err != nil || len(names) != 0 {
		t.Errorf("left after root's gc: %v, %v", names, err)
	}
}

// TestRootIsNotLedAstray: neither a link of a user's nor their .runner leads root to collect in another's store.
func TestRootIsNotLedAstray(t *testing.T) {
	testkit.RequireRoot(t)
	const user = 61234
	root, other := testkit.Dir(t), testkit.Dir(t)
	left := filepath.Join(other, "_work", perpid.StoreName, "undeletable."+dead(t, 1))
	fill(t, left, 1, 1)
	if err := errors.Join(os.WriteFile(root+"/.runner", []byte(`{"workFolder": "`+other+`/_work"}`), 0o644), os.Symlink(other+"/_work", root+"/_work")); err != nil {
		t.Fatal(err)
	}
	testkit.Give(t, root, user)
	byRunner, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	byLink := runner.Layout{Root: root, Work: root + "/_work", Temp: root + "/_work/_temp"}
	for _, l := range []runner.Layout{byRunner, byLink} {
		reports, err := Run(Options{Runners: []runner.Layout{l}})
		if err == nil || !strings.Contains(err.Error(), "belongs to uid 0") {
			t.Errorf("%+v: %+v, %v", l, reports, err)
		}
		if _, err := os.Stat(left + "/d/f"); err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
	}
	if err := os.Remove(root + "/_work"); err != nil { // its own
		t.Fatal(err)
	}
	fill(t, filepath.Join(root, "_work", perpid.StoreName, "undeletable."+dead(t, 1)), 1, 1)
	testkit.Give(t, root, user)
	if reports, err := Run(Options{Runners: []runner.Layout{byLink}}); err != nil || len(reports) != 1 || len(reports[0].Deleted) != 1 {
		t.Errorf("%+v, %v", reports, err)
	}
}
