package left_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// apart is a process in a mount namespace of its own.
func apart(t *testing.T) (*exec.Cmd, nsenter.MountNS) {
	t.Helper()
	cmd := exec.Command(testkit.RequireTool(t, "unshare", "util-linux"), "--mount", "sh", "-c", "echo there; exec sleep 1000")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	testkit.Becomes(t, cmd.Process.Pid, "sleep")
	ns, err := nsenter.MountNSAt("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	return cmd, ns
}

// dead is a process that has ended, by its name.
func dead(t *testing.T) perpid.Owner {
	t.Helper()
	cmd := exec.Command("cat")
	in := testkit.Feed(t, cmd)
	o := owner(t, cmd)
	in.Close()
	_ = cmd.Wait()
	return o
}

func owner(t *testing.T, cmd *exec.Cmd) perpid.Owner {
	t.Helper()
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	o, err := self.Peer(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// rebooted is a process of another boot.
func rebooted(o perpid.Owner) perpid.Owner { o.Boot = "0123456789ab"; return o }

// unbooted is one that could not see which boot it was.
func unbooted(o perpid.Owner) perpid.Owner { o.Boot = "unknown"; return o }

// TestWhoIsEnded: a process is ended only if the namespace is surely the one on record, and the record surely a start's.
func TestWhoIsEnded(t *testing.T) {
	testkit.RequireRoot(t)
	const user = 61234
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	cmd, ns := apart(t)
	host, err := nsenter.MountNSAt("/proc/self/ns/mnt")
	if err != nil {
		t.Fatal(err)
	}
	old := nsenter.MountNS{Inode: ns.Inode}
	none := dead(t).String()
	for name, c := range map[string]struct {
		worker perpid.Owner
		ns     nsenter.MountNS
		keeper string
		forged bool
		listed bool
		why    string
	}{
		"its keeper":                  {dead(t), ns, owner(t, cmd).String(), false, false, ""},
		"by its ID":                   {dead(t), ns, none, false, true, ""},
		"the ID of another":           {dead(t), nsenter.MountNS{Inode: ns.Inode, ID: ns.ID + 1<<40}, none, false, false, ""},
		"held open by a keeper":       {dead(t), old, self.String(), false, true, ""},
		"the number may be another's": {dead(t), old, none, false, true, "perhaps another's: this machine"},
		"of a living Worker":          {self, ns, none, false, false, ""},
		"made up":                     {dead(t), ns, none, true, true, "perhaps another's: the record could"},
		"the host's":                  {dead(t), host, none, false, false, ""},
		"of another boot":             {rebooted(dead(t)), ns, none, false, false, ""},
		"of a boot that is not known": {unbooted(dead(t)), ns, none, false, true, "perhaps another's: this machine"},
	} {
		if ns.ID == 0 && c.ns.ID != 0 {
			continue // an older kernel
		}
		if ns.ID == 0 && c.listed && c.keeper == none {
			c.why = "perhaps another's: this machine"
		}
		dir := testkit.Dir(t)
		testkit.Give(t, dir, user)
		diag, err := os.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := left.Record{Worker: c.worker.String(), Begun: time.Now(), Inode: c.ns.Inode, ID: c.ns.ID, Keeper: c.keeper}
		if err := left.Note(diag, r); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, left.Prefix+r.Worker)
		if c.forged {
			if err := unix.Removexattr(path, "trusted.worker-wrap.job"); err != nil {
				t.Fatal(err)
			}
		}
		found, err := left.Find([]left.Place{{Root: "/runner", Diag: diag}})
		diag.Close()
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !c.listed && len(found.Processes) > 0, c.listed && len(found.Processes) != 1:
			t.Errorf("%s: %+v", name, found)
		case c.listed:
			p := found.Processes[0]
			if p.PID != cmd.Process.Pid || p.UID != 0 || p.Command != "sleep 1000" || p.Runner != "/runner" || p.Memory == 0 || (p.Why == "") != (c.why == "") || !strings.HasPrefix(p.Why, c.why) {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if _, err := os.Lstat(path); (err == nil) != (c.listed || c.worker == self || found.Hidden > 0) {
			t.Errorf("%s: the record: %v", name, err)
		}
	}
}

// recordable is apart, with an open folder for its record and this process for an owner.
func recordable(t *testing.T) (cmd *exec.Cmd, ns nsenter.MountNS, diag *os.File, self perpid.Owner) {
	t.Helper()
	testkit.RequireRoot(t)
	cmd, ns = apart(t)
	diag, err := os.Open(testkit.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { diag.Close() })
	if self, err = perpid.Self(); err != nil {
		t.Fatal(err)
	}
	return cmd, ns, diag, self
}

// TestNeverOfALivingWorker: a record that names a living Worker's namespace as a dead one's ends nothing in it, also if
// no process there looks like a Worker.
func TestNeverOfALivingWorker(t *testing.T) {
	cmd, ns, diag, self := recordable(t)
	for _, worker := range []perpid.Owner{self, dead(t)} {
		if err := left.Note(diag, left.Record{Worker: worker.String(), Begun: time.Now(), Inode: ns.Inode, ID: ns.ID, Keeper: self.String()}); err != nil {
			t.Fatal(err)
		}
	}
	find := func() ([]left.Process, error) {
		found, err := left.Find([]left.Place{{Root: "/runner", Diag: diag}})
		return found.Processes, err
	}
	done, err := left.End(find, 0)
	if err != nil || len(done.Gone) > 0 || len(done.Left) != 1 || !strings.Contains(done.Left[0].Why, "living Worker's") || !lives(cmd.Process.Pid) {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestMadeUpHidesNothing: records that are made up do not keep root from what a start's own record names.
func TestMadeUpHidesNothing(t *testing.T) {
	cmd, ns, diag, self := recordable(t)
	testkit.Give(t, diag.Name(), 61234)
	for i := range 8 {
		worker := self
		worker.PID, worker.Start = 1<<20+i, 1
		r := left.Record{Worker: worker.String(), Begun: time.Now(), Inode: ns.Inode, ID: ns.ID, Keeper: self.String()}
		if err := left.Note(diag, r); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			continue
		}
		if err := unix.Removexattr(filepath.Join(diag.Name(), left.Prefix+r.Worker), "trusted.worker-wrap.job"); err != nil {
			t.Fatal(err)
		}
	}
	found, err := left.Find([]left.Place{{Root: "/runner", Diag: diag}})
	if err != nil || len(found.Processes) != 1 || found.Processes[0].PID != cmd.Process.Pid || found.Processes[0].Why != "" || found.Processes[0].Worker != 1<<20 {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestEnd: whoever does not care for SIGTERM is sent SIGKILL, and whoever has a Why nothing.
func TestEnd(t *testing.T) {
	cmd, ns, diag, self := recordable(t)
	r := left.Record{Worker: dead(t).String(), Begun: time.Now(), Inode: ns.Inode, ID: ns.ID, Keeper: self.String()}
	if err := left.Note(diag, r); err != nil {
		t.Fatal(err)
	}
	keep := "a person's"
	find := func() ([]left.Process, error) {
		found, err := left.Find([]left.Place{{Root: "/runner", Diag: diag}})
		for i := range found.Processes {
			found.Processes[i].Why = keep
		}
		return found.Processes, err
	}
	if done, err := left.End(find, 0); err != nil || len(done.Gone) > 0 || len(done.Left) != 1 || !done.Left[0].Alive() {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := cmd.Process.Signal(unix.SIGSTOP); err != nil { // SIGTERM does nothing to one that has stopped
		t.Fatal(err)
	}
	var stopped unix.WaitStatus
	if _, err := unix.Wait4(cmd.Process.Pid, &stopped, unix.WUNTRACED, nil); err != nil || !stopped.Stopped() {
		t.Fatalf("it has not stopped: %v, %v", stopped, err)
	}
	keep = ""
	done, err := left.End(find, 50*time.Millisecond)
	if err != nil || len(done.Gone) != 1 || len(done.Left) > 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	state, err := cmd.Process.Wait()
	if err != nil || state.Sys().(interface{ Signal() unix.Signal }).Signal() != unix.SIGKILL {
		t.Errorf("%v, %v", state, err)
	}
}
