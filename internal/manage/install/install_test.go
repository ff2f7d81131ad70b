package install

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/internal/testkit/scratch"
)

// TestInstallAndUninstall has two runners, of which one never updated itself and one has other folders beside its
// current one. At the end it looks at all that is left of an install.
func TestInstallAndUninstall(t *testing.T) {
	testkit.RequireRoot(t)
	getcap := testkit.RequireTool(t, "getcap", "libcap2-bin")
	m := aMachine(t)
	first := scratch.Runner(t, m.Root, "first", "", scratch.OwnWorker)
	second := scratch.Runner(t, m.Root, "second runner's", "2.335.0", scratch.OwnWorker)
	for _, v := range []string{"2.334.0", "2.336.0"} {
		dir := filepath.Join(second.Root, "bin."+v)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		scratch.Worker(t, dir, scratch.OwnWorker+v)
		scratch.Own(t, dir)
	}
	scratch.Text(t, filepath.Join(second.Root, ".runner"), `{"workFolder": "`+filepath.Join(m.Root, "data/50% work")+`"}`)
	scratch.Own(t, second.Root)
	second, err := runner.FromRoot(second.Root)
	if err != nil {
		t.Fatal(err)
	}
	before := scratch.Tree(t, m.Root)
	o := Options{Machine: m, Layouts: []runner.Layout{first, second}}

	o.DryRun = true
	would := output(&o)
	dry := Install(o)
	good(t, "dry run", dry)
	scratch.Same(t, "dry run", scratch.Tree(t, m.Root), before)

	o.DryRun = false
	did := output(&o)
	r := Install(o)
	good(t, "install", r)
	if !slices.Equal(*would, *did) || r.Steps != len(*did) || dry.Steps != r.Steps {
		t.Errorf("would\n%s\ndid\n%s", strings.Join(*would, "\n"), strings.Join(*did, "\n"))
	}
	place := filepath.Join(m.Root, "usr/local/lib/worker-wrap/worker-wrap")
	if out, err := exec.Command(getcap, place).CombinedOutput(); err != nil || string(out) != place+" cap_sys_admin=p\n" {
		t.Errorf("getcap: %v: %s", err, out)
	}
	if equal, err := disk.Same(m.Self, place); err != nil || !equal {
		t.Errorf("the binary in place is another: %v", err)
	}
	if st, err := os.Stat(filepath.Join(m.Root, "usr/local/bin/worker-wrap")); err != nil || !os.SameFile(st, scratch.Stat(t, place)) {
		t.Errorf("the command leads elsewhere: %v", err)
	}
	for dir, want := range map[string]entry.Kind{
		first.Bin(): entry.Installed,
		filepath.Join(second.Root, "bin.2.335.0"): entry.Installed,
		filepath.Join(second.Root, "bin.2.336.0"): entry.Installed,    // waits for its update
		filepath.Join(second.Root, "bin.2.334.0"): entry.NotInstalled, // will be deleted
	} {
		b, err := entry.InspectBin(dir)
		if err != nil || b.Kind() != want || want == entry.Installed && b.Target != place {
			t.Errorf("%s: %q, %v", dir, b.Kind(), err)
		}
	}
	units := filepath.Join(m.Root, "etc/systemd/system")
	escaped := func(root string) string { return strings.TrimPrefix(systemd.PathUnitName(root), "worker-wrap@") }
	for _, path := range []string{
		"worker-wrap@.path", "worker-wrap@.service",
		"paths.target.wants/worker-wrap@" + escaped(first.Root), "paths.target.wants/worker-wrap@" + escaped(second.Root),
		"worker-wrap@" + escaped(second.Root) + ".d/work.conf",
	} {
		if _, err := os.Stat(filepath.Join(units, path)); err != nil {
			t.Error(err)
		}
	}
	if drop, _ := os.ReadFile(m.Path(filepath.Join("etc/systemd/system", systemd.PathUnitName(second.Root)+".d/work.conf"))); !strings.Contains(string(drop), "PathChanged="+m.Root+"/data/50%% work/_update.sh\n") {
		t.Errorf("drop-in: %s", drop)
	}
	if found := discover.All(m.Root); len(found) != 2 {
		t.Errorf("found %v", found)
	}

	installed := scratch.Tree(t, m.Root)
	r = Install(o)
	good(t, "second install", r)
	if r.Steps != 0 {
		t.Errorf("a second install did %q", *did)
	}
	scratch.Same(t, "second install", scratch.Tree(t, m.Root), installed)

	// What jobs leave.
	scratch.Text(t, filepath.Join(first.Work, perpid.StoreName, "1-1-4026531836-0123456789ab", "left"), "")
	scratch.Text(t, filepath.Join(first.Diag(), events.FileName), "{}\n")
	if err := os.WriteFile(filepath.Join(second.Root, "bin.2.336.0", "new"), nil, 0o644); err != nil {
		t.Fatal(err)
	}

	o.Layouts = []runner.Layout{second}
	o.DryRun = true
	would = output(&o)
	installed = scratch.Tree(t, m.Root)
	good(t, "dry uninstall", Uninstall(o))
	scratch.Same(t, "dry uninstall", scratch.Tree(t, m.Root), installed)
	o.DryRun = false
	did = output(&o)
	good(t, "uninstall of one", Uninstall(o))
	if !slices.Equal(*would, *did) {
		t.Errorf("would\n%s\ndid\n%s", strings.Join(*would, "\n"), strings.Join(*did, "\n"))
	}
	if _, err := os.Stat(place); err != nil {
		t.Errorf("the other runner needs the binary: %v", err)
	}
	if err := os.Remove(filepath.Join(second.Root, "bin.2.336.0", "new")); err != nil {
		t.Fatal(err)
	}
	o.Layouts = []runner.Layout{first, second}
	good(t, "uninstall", Uninstall(o))
	if _, err := os.Stat(filepath.Join(first.Diag(), events.FileName)); err != nil {
		t.Errorf("an audit needs it: %v", err)
	}
	scratch.Same(t, "uninstall", scratch.Tree(t, m.Root), before)
	r = Uninstall(o)
	good(t, "second uninstall", r)
	if r.Steps != 0 {
		t.Errorf("a second uninstall did %d steps", r.Steps)
	}
}

// bounded is asNobody for a program that may never end, as two that start each other.
func bounded(name string, args ...string) *exec.Cmd {
	return asNobody("timeout", append([]string{fmt.Sprint(testkit.Patience.Seconds()), name}, args...)...)
}

// asNobody starts a program with nobody's rights; nobody else's.
func asNobody(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: scratch.Nobody, Gid: scratch.Nobody}}
	return cmd
}

// TestJobOfAnOrdinaryUser: what an install has put there gives nobody's Worker a _temp of its own; while it
// lives there is no uninstall.
func TestJobOfAnOrdinaryUser(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "2.336.0", "/bin/sh")
	before := scratch.Tree(t, m.Root)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	bin, err := filepath.EvalSymlinks(l.Bin())
	if err != nil {
		t.Fatal(err)
	}
	cmd := asNobody(scratch.WorkerIn(bin), "-c", `: > "$1/mine" && echo "$WORKER_WRAP_HOST_TEMP" && read -r end`, "sh", l.Temp)
	cmd.Stderr = os.Stderr
	in, out := testkit.Talk(t, cmd)
	defer func() {
		in.Close()
		_ = cmd.Wait()
	}()
	var host string
	if _, err := fmt.Fscanln(out, &host); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(host, "mine")); err != nil {
		t.Errorf("the job's _temp is not its own: %v", err)
	}

	during := scratch.Tree(t, m.Root)
	r := Uninstall(o)
	want := fmt.Sprintf("%s: left as it is, since wrapped Workers are alive (PID %d)", l.Root, cmd.Process.Pid)
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), want) || !strings.Contains(r.Failed[0].Error(), "--force") || r.Steps != 0 {
		t.Errorf("uninstall under a living Worker: %+v", r)
	}
	scratch.Same(t, "refused", scratch.Tree(t, m.Root), during)

	good(t, "install during a job", Install(o))
	o.Force = true
	good(t, "forced", Uninstall(o))
	if b, _ := entry.InspectBin(bin); b.Kind() != entry.NotInstalled {
		t.Errorf("forced: %q", b.Kind())
	}
	if _, err := os.Stat(filepath.Join(host, "mine")); err != nil {
		t.Errorf("the living Worker's folder was taken away: %v", err)
	}
	if _, err := io.WriteString(in, "end\n"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	good(t, "once more", Uninstall(o))
	scratch.Same(t, "at last", scratch.Tree(t, m.Root), before)
}

// TestMends: each damage to what is outside the runner is found by the next install and mended.
func TestMends(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", scratch.OwnWorker)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	said := output(&o)
	good(t, "install", Install(o))
	want := scratch.Tree(t, m.Root)
	place := m.Place()
	for name, damage := range map[string]func() error{
		"no capability":   func() error { return unix.Removexattr(place, "security.capability") },
		"another content": func() error { return os.WriteFile(place, []byte("x"), 0o755) },
		"gone":            func() error { return os.Remove(place) },
		"cut short":       func() error { return os.WriteFile(filepath.Join(filepath.Dir(place), ".worker-wrap.new"), nil, 0o700) },
		"not root's":      func() error { return os.Chown(place, scratch.Nobody, scratch.Nobody) },
		"mode":            func() error { return os.Chmod(place, 0o777) },
		"set-user-ID":     func() error { return os.Chmod(place, 0o755|fs.ModeSetuid) },
		"a link":          func() error { os.Remove(place); return os.Symlink(m.Self, place) },
		"no command":      func() error { return os.Remove(filepath.Join(m.Root, "usr/local/bin/worker-wrap")) },
		"a unit changed": func() error {
			return os.WriteFile(filepath.Join(m.Root, "etc/systemd/system/worker-wrap@.path"), nil, 0o644)
		},
		"masked": func() error {
			return os.Symlink("/dev/null", filepath.Join(m.Root, "etc/systemd/system", systemd.PathUnitName(l.Root)))
		},
		"masked until the next boot": func() error {
			return os.Symlink("/dev/null", filepath.Join(m.Root, "run/systemd/system", strings.TrimSuffix(systemd.PathUnitName(l.Root), ".path")+".service"))
		},
		"masked by its template": func() error {
			path := filepath.Join(m.Root, "etc/systemd/system/worker-wrap@.service")
			_ = os.Remove(path)
			return os.Symlink("/dev/null", path)
		},
		"no unit file":    func() error { return os.Remove(filepath.Join(m.Root, "etc/systemd/system/worker-wrap@.service")) },
		"not enabled":     func() error { return os.RemoveAll(filepath.Join(m.Root, "etc/systemd/system/paths.target.wants")) },
		"not in the list": func() error { return os.Remove(filepath.Join(m.Root, discover.ListFile)) },
		"temporary link":  func() error { return os.Symlink("/x", filepath.Join(l.Bin(), ".Runner.Worker.worker-wrap")) },
		"temporary Worker": func() error {
			return os.WriteFile(filepath.Join(l.Bin(), ".Runner.Worker.real.worker-wrap"), nil, 0o600)
		},
	} {
		if err := damage(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		*said = nil
		r := Install(o)
		good(t, name, r)
		if r.Steps == 0 && name != "cut short" {
			t.Errorf("%s: not noticed", name)
		}
		if name == "cut short" {
			_ = os.Remove(filepath.Join(filepath.Dir(place), ".worker-wrap.new"))
		}
		now := scratch.Tree(t, m.Root)
		forgetTimes(now, want)
		scratch.Same(t, name, now, want)
		if found, err := m.Usable(); err != nil || found != place {
			t.Errorf("%s: %q, %v", name, found, err)
		}
	}
}

// forgetTimes takes the times of what an install writes anew from both trees.
func forgetTimes(trees ...map[string]string) {
	for _, tree := range trees {
		for path, what := range tree {
			if fields := strings.Fields(what); strings.Contains(path, "worker-wrap") && len(fields) == 4 {
				fields[2] = ""
				tree[path] = strings.Join(fields, " ")
			}
		}
	}
}

// TestOneOfMany: a runner that cannot be helped does not keep the others from it.
func TestOneOfMany(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	lost, empty, none, well := scratch.Runner(t, m.Root, "a", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "b", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "c", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "d", "", scratch.OwnWorker)
	for _, err := range []error{os.Remove(scratch.WorkerIn(lost.Bin())), os.Remove(scratch.WorkerIn(empty.Bin())), os.Rename(none.Bin(), none.Bin()+".moved")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	scratch.Link(t, m.Place(), scratch.WorkerIn(lost.Bin()))
	o := Options{Machine: m, Layouts: []runner.Layout{lost, empty, none, well}}
	output(&o)
	r := Install(o)
	for i, want := range []string{"the runner's own Worker, which should be Runner.Worker.real beside it, is gone", "has no Runner.Worker", "leads nowhere"} {
		if len(r.Failed) != 3 || !strings.Contains(r.Failed[i].Error(), want) || strings.Contains(r.Failed[i].Error(), "\n") {
			t.Fatalf("%v", r.Failed)
		}
	}
	if b, err := entry.InspectBin(well.Bin()); err != nil || b.Kind() != entry.Installed {
		t.Errorf("%q, %v", b.Kind(), err)
	}
	// The release unpacked again, as the message says.
	if err := os.Remove(scratch.WorkerIn(lost.Bin())); err != nil {
		t.Fatal(err)
	}
	scratch.Worker(t, lost.Bin(), scratch.OwnWorker)
	o.Layouts = []runner.Layout{lost}
	good(t, "afterwards", Install(o))
}

// TestCopying: a version that waits has the shim, but not while an update may still write there.
func TestCopying(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", scratch.OwnWorker)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	scratch.Text(t, filepath.Join(l.Bin(), "Runner.Listener.deps.json"), `"Runner.Listener/2.335.0"`)
	next := filepath.Join(l.Root, "bin.2.336.0")
	update, script := filepath.Join(l.Work, runner.UpdateFolder), filepath.Join(l.Work, runner.UpdateScript)
	k := Keeper{Layout: l, Place: m.Place(), Say: func(string) {}}
	check := func(when string, want entry.Kind) {
		t.Helper()
		if err := k.Keep(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if b, err := entry.InspectBin(next); err != nil || b.Kind() != want {
			t.Errorf("%s: %q, %v", when, b.Kind(), err)
		}
		if b, err := entry.InspectBin(l.Bin()); err != nil || b.Kind() != entry.Installed {
			t.Errorf("%s: the bin in use: %q, %v", when, b.Kind(), err)
		}
	}
	for range 2 { // the second time the first has failed, and the new version's folder is there already
		time.Sleep(20 * time.Millisecond) // the kernel's clock for files has ticks
		if err := os.RemoveAll(update); err != nil {
			t.Fatal(err)
		}
		scratch.Text(t, filepath.Join(update, "bin", "x"), "")
		if err := os.MkdirAll(next, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := k.Keep(); err != nil {
			t.Fatal(err)
		}
		scratch.Worker(t, next, scratch.OwnWorker) // IOUtil.CopyDirectory: truncates and writes through links
		check("while it copies", entry.NotInstalled)
		if equal, err := disk.Same(m.Self, m.Place()); err != nil || !equal {
			t.Fatalf("the copy went through the link: %v", err)
		}
		time.Sleep(20 * time.Millisecond)
		_ = os.Remove(script)
		scratch.Text(t, script, "")
		check("when it has copied", entry.Installed)
	}
	// The next one begins by deleting what this one has left.
	if err := os.RemoveAll(update); err != nil {
		t.Fatal(err)
	}
	check("while the next one clears away", entry.Installed)
	scratch.Text(t, filepath.Join(update, "bin", "x"), "")
	check("when it downloads", entry.NotInstalled)
	if err := os.RemoveAll(update); err != nil {
		t.Fatal(err)
	}
	check("while one more clears away", entry.NotInstalled)
}

// TestTakenOut: a keeper does not put back what somebody took out.
func TestTakenOut(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l := scratch.Runner(t, m.Root, "r", "", scratch.OwnWorker)
	o := Options{Machine: m, Layouts: []runner.Layout{l}}
	output(&o)
	good(t, "install", Install(o))
	k := Keeper{Layout: l, Place: m.Place(), Say: func(string) {}}
	if err := k.Keep(); err != nil {
		t.Fatal(err)
	}
	good(t, "uninstall", Uninstall(o))
	if err := k.Keep(); err != ErrTakenOut {
		t.Errorf("%v", err)
	}
	if b, _ := entry.InspectBin(l.Bin()); b.Kind() != entry.NotInstalled {
		t.Errorf("%q", b.Kind())
	}
}

// TestWorkFolderOfUnitFiles: what a runner's user writes into .runner cannot become a setting of a unit.
func TestWorkFolderOfUnitFiles(t *testing.T) {
	testkit.RequireRoot(t)
	m := aMachine(t)
	l, well := scratch.Runner(t, m.Root, "a", "", scratch.OwnWorker), scratch.Runner(t, m.Root, "b", "", scratch.OwnWorker)
	scratch.Text(t, filepath.Join(l.Root, ".runner"), `{"workFolder": "_work\nUnit=poweroff.target\n#"}`)
	l, err := runner.FromRoot(l.Root)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Machine: m, Layouts: []runner.Layout{l, well}}
	output(&o)
	r := Install(o)
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error(), "control characters") || strings.Contains(r.Failed[0].Error(), "\n") {
		t.Errorf("%+v", r)
	}
	for path := range scratch.Tree(t, filepath.Join(m.Root, "etc/systemd/system")) {
		if strings.Contains(path, "work.conf") {
			t.Errorf("%s was written", path)
		}
	}
	if _, err := os.Lstat(m.Link(well.Root)); err != nil {
		t.Errorf("the other runner has to do without: %v", err)
	}
}
