package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// saying is a Worker of the runner's own that says its version and where its _temp is.
func saying(version string) string {
	return scratch.Proved + `echo "` + version + ` ${WORKER_WRAP_HOST_TEMP-}"`
}

// ran starts a job of nobody's as its Listener does, and returns what ran, and whether in a _temp of its own.
func ran(t *testing.T, l runner.Layout) (what string, isolated bool) {
	t.Helper()
	bin, err := filepath.EvalSymlinks(l.Bin())
	if err != nil {
		t.Fatal(err)
	}
	cmd := bounded(scratch.WorkerIn(bin), "spawnclient", "160", "164")
	cmd.Dir = bin
	out, err := cmd.CombinedOutput()
	what, temp, _ := strings.Cut(strings.TrimSuffix(string(out), "\n"), " ")
	if err != nil {
		what = err.Error() + ": " + string(out)
	}
	return what, strings.HasPrefix(temp, l.Root+"/.worker-wrap/")
}

// TestReleaseCopiedOverTheRunner: a release laid over a runner by whatever program, as root or as the runner's user,
// does to that runner what it does without worker-wrap: the new Worker is in its place, and runs. The installed binary
// and other runners are as before, and what the doctor finds an install mends.
func TestReleaseCopiedOverTheRunner(t *testing.T) {
	testkit.RequireRoot(t)
	testkit.RequireTool(t, "rsync", "rsync")
	testkit.RequireTool(t, "python3", "python3")
	m := aMachine(t)
	other := scratch.Runner(t, m.Root, "other", "", saying("old"))
	for _, way := range []string{
		`tar -C "$0" -c . | tar -C "$1" -x`,
		`tar -C "$0" -c . | tar -C "$1" -x --overwrite`,
		`tar -C "$0" -c . | tar -C "$1" -x --unlink-first`,
		`cp -r "$0/." "$1/"`,
		`cp -a "$0/." "$1/"`,
		`cp -rf "$0/." "$1/"`,
		`cp -rT --remove-destination "$0" "$1"`,
		`rsync -r "$0/" "$1/"`,
		`rsync -a --inplace "$0/" "$1/"`,
		`install -m 755 "$0"/* "$1/"`,
		`python3 -c 'import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2], dirs_exist_ok=True)' "$0" "$1"`,
		`cat "$0/Runner.Worker" >"$1/Runner.Worker"`,
		`dd if="$0/Runner.Worker" of="$1/Runner.Worker" status=none`,
		`rsync -r --delete "$0/" "$1/"`,
		`rsync -a --delete --inplace "$0/" "$1/"`,
	} {
		for _, user := range []uint32{0, scratch.Nobody} {
			l := scratch.Runner(t, m.Root, "r", "", saying("old"))
			o := Options{Machine: m, Layouts: []runner.Layout{l, other}}
			said := output(&o)
			good(t, "install", Install(o))
			release := filepath.Join(m.Root, "release")
			scratch.Text(t, filepath.Join(release, "Runner.Worker.dll"), "code of the new version")
			scratch.Worker(t, release, saying("new"))

			clock := time.Now()
			k := Keeper{Layout: l, Place: m.Place(), Say: o.Say, now: func() time.Time { return clock }}
			if err := k.Keep(); err != nil {
				t.Fatal(err)
			}

			cmd := exec.Command("sh", "-c", way, release, l.Bin())
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s, by %d: %v\n%s", way, user, err, out)
			}
			if same, err := disk.Same(m.Self, m.Place()); !same || err != nil {
				t.Fatalf("%s, by %d: it has reached the installed binary (%v)", way, user, err)
			}
			if n, err := unix.Getxattr(m.Place(), "security.capability", make([]byte, 64)); n == 0 || err != nil {
				t.Errorf("%s, by %d: the capability is gone: %v", way, user, err)
			}
			if what, isolated := ran(t, other); what != "old" || !isolated {
				t.Errorf("%s, by %d: another runner's job: %s, isolated %v", way, user, what, isolated)
			}
			if what, isolated := ran(t, l); what != "new" || isolated {
				t.Errorf("%s, by %d: this runner's next job: %s, isolated %v", way, user, what, isolated)
			}
			kind := entry.Replaced
			if strings.Contains(way, "--delete") { // of which only a watch knows that there was the shim
				kind = entry.NotInstalled
			}
			if b, err := entry.InspectBin(l.Bin()); b.Kind() != kind {
				t.Errorf("%s, by %d: found %q, %v", way, user, b.Kind(), err)
			}
			*said = nil
			if kind == entry.Replaced {
				good(t, way, Install(o))
			} else if err := k.Keep(); err != ErrReplacing || len(*said) > 0 {
				t.Errorf("%s, by %d: the watch does %q at once: %v", way, user, *said, err)
			}
			clock = clock.Add(Replacing)
			if err := k.Keep(); err != nil {
				t.Errorf("%s, by %d: the watch: %v", way, user, err)
			}
			if what, isolated := ran(t, l); what != "new" || !isolated {
				t.Errorf("%s, by %d: when mended by %q: %s, isolated %v", way, user, *said, what, isolated)
			}
			o.Layouts = o.Layouts[:1]
			good(t, "uninstall", Uninstall(o))
			if err := k.Keep(); err != ErrTakenOut {
				t.Errorf("%s, by %d: the watch after an uninstall: %v", way, user, err)
			}
			for _, name := range []string{scratch.RealIn(l.Bin()), scratch.KeptIn(l.Bin())} {
				if _, err := os.Lstat(name); err == nil {
					t.Errorf("%s, by %d: %s is left", way, user, name)
				}
			}
			if same, err := disk.Same(scratch.WorkerIn(l.Bin()), scratch.WorkerIn(release)); !same || err != nil {
				t.Errorf("%s, by %d: not the new Worker in the end: %v", way, user, err)
			}
			for _, dir := range []string{l.Root, release} {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestPlaceWithABlank: the kernel starts no script whose interpreter's path has a blank, so there a link stands in the
// Worker's place. Who installs it so is told what that means.
func TestPlaceWithABlank(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	m.Prefix = "/opt/with blank"
	l := scratch.Runner(t, m.Root, "r", "", saying("old"))
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	first := Install(o)
	good(t, "install", first)
	if len(first.Warnings) != 1 || !strings.Contains(first.Warnings[0], "/opt/with blank/lib/worker-wrap/worker-wrap' has a blank") || !strings.Contains(first.Warnings[0], "--prefix") {
		t.Errorf("it warns with %q", first.Warnings)
	}
	if what, isolated := ran(t, l); what != "old" || !isolated {
		t.Errorf("%s, isolated %v", what, isolated)
	}
	if r := Install(o); r.Steps != 0 {
		t.Errorf("a second install: %+v", r)
	}
}
