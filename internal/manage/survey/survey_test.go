package survey

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestProcessAndListener(t *testing.T) {
	status := "Name:\tRunner.Listener\nUid:\t1000\t1001\t1002\t1003\nCapEff:\t0000000000000000\nCapBnd:\t000001ffffdfffff\nCapAmb:\t0000000000000400\nNoNewPrivs:\t1\nSeccomp:\t2\n"
	s := System{Root: testkit.Files(t, map[string]string{
		"proc/12/status":         status,
		"proc/12/cmdline":        "/r/bin.2.333.1/Runner.Listener\x00run\x00",
		"proc/12/environ":        "A=B\x00DOCKER_HOST=tcp://x:1\x00DOCKER_HOSTS=y\x00XDG_RUNTIME_DIR=/z",
		"proc/12/attr/current":   "runner (enforce)\n",
		"proc/13/status":         "Name:\tx\n",
		"proc/13/cmdline":        "/other/bin/Runner.Listener\x00",
		"proc/14/cmdline":        "grep\x00/r/bin/Runner.Listener\x00",
		"other/bin/x":            "",
		"r/bin.2.336.0/x":        "", // the Listener's own folder is gone already
		"run/systemd/container":  "lxc\n",
		"proc/sys/user/x":        "",
		"proc/sys/kernel/x":      "",
		"proc/self/ns/mnt/dummy": "",
	})}
	p, ok := s.Listener("/r")
	if !ok || p.PID != 12 || p.UID != 1000 || !p.NoNewPrivs || p.Seccomp != 2 || p.CapAmb != 0x400 || p.CapBnd&program.SysAdmin != 0 || !slices.Equal(p.Env, []string{"DOCKER_HOST=tcp://x:1", "XDG_RUNTIME_DIR=/z"}) || p.AppArmor != "runner (enforce)" {
		t.Errorf("found %v: %+v", ok, p)
	}
	if p, ok := s.Listener("/nothing"); ok {
		t.Errorf("a Listener without a runner: %+v", p)
	}
	m := s.Machine()
	if m.Container != "lxc" || m.MaxUserNS != -1 || m.AppArmorUserNS != -1 {
		t.Errorf("%+v", m)
	}
	for environment, want := range map[string]string{
		"A=b\x00KUBERNETES_SERVICE_HOST=10.0.0.1\x00container=oci\x00": "kubernetes", // CRI-O
		"MY_KUBERNETES_SERVICE_HOST=x\x00":                             "podman",
	} {
		s := System{Root: testkit.Files(t, map[string]string{"proc/1/environ": environment, "run/.containerenv": ""})}
		if got := s.container(); got != want {
			t.Errorf("%q: %s, want %s", environment, got, want)
		}
	}
}

// TestThisMachine reads the real /proc: what the kernel says of this process, and of one that has
// no_new_privs and fewer capabilities.
func TestThisMachine(t *testing.T) {
	m := System{}.Machine()
	if m.Kernel == "" || len(m.Features) < 3 || m.Self.PID != os.Getpid() || m.Self.UID != os.Getuid() || m.Self.UserNS == 0 || m.Self.MountNS == 0 {
		t.Errorf("%+v", m)
	}
	cmd := exec.Command(testkit.RequireTool(t, "setpriv", "util-linux"), "--no-new-privs", "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	testkit.Becomes(t, cmd.Process.Pid, "sleep")
	p, err := System{}.Process(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !p.NoNewPrivs || p.MountNS != m.Self.MountNS || p.Command != "sleep" {
		t.Errorf("%+v", p)
	}
}

func TestKeeper(t *testing.T) {
	const wants, unit = "etc/systemd/system/paths.target.wants/", "etc/systemd/system/actions.runner.o-r.box.service"
	layout := runner.Layout{Root: "/srv/my-runner"}
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{unit: "[Service]\nExecStart=/srv/my-runner/runsvc.sh\n"}, ""},
		{"path unit", map[string]string{wants + `worker-wrap@srv-my\x2drunner.path`: ""}, `the path unit worker-wrap@srv-my\x2drunner.path`},
		{"masked path unit", map[string]string{wants + `worker-wrap@srv-my\x2drunner.path`: "", `run/systemd/system/worker-wrap@srv-my\x2drunner.path`: ""}, ""},
		{"masked template", map[string]string{wants + `worker-wrap@srv-my\x2drunner.path`: "", "etc/systemd/system/worker-wrap@.service": ""}, ""},
		{"another's mask", map[string]string{wants + `worker-wrap@srv-my\x2drunner.path`: "", "etc/systemd/system/worker-wrap@x.service": ""}, `the path unit worker-wrap@srv-my\x2drunner.path`},
		{"hidden mask", map[string]string{wants + `worker-wrap@srv-my\x2drunner.path`: "", "etc/systemd/system/worker-wrap@.path": "[Path]\n", "run/systemd/system/worker-wrap@.path": ""}, `the path unit worker-wrap@srv-my\x2drunner.path`},
		{"another's path unit", map[string]string{wants + "worker-wrap@srv-runner.path": ""}, ""},
		{"script", map[string]string{unit: "[Service]\nExecStart=/usr/lib/worker-wrap/runsvc-worker-wrap.sh\n"}, "runsvc-worker-wrap.sh in the unit u"},
		{"script whose watch has ended, of one that runs", map[string]string{unit: "[Service]\nExecStart=/usr/lib/worker-wrap/runsvc-worker-wrap.sh\n"}, ""},
		{"script with its watch, of one that runs", map[string]string{
			unit: "[Service]\nExecStart=/usr/lib/worker-wrap/runsvc-worker-wrap.sh\n", "proc/7/cmdline": "worker-wrap\x00watch\x00--runner-root\x00/srv/my-runner\x00",
		}, "runsvc-worker-wrap.sh in the unit u"},
		{"watch", map[string]string{"proc/7/cmdline": "/usr/bin/worker-wrap\x00watch\x00--runner-root\x00/srv/my-runner/\x00"}, "worker-wrap watch (PID 7)"},
		{"watch, other form", map[string]string{"proc/7/cmdline": "worker-wrap\x00watch\x00--runner-root=/srv/my-runner\x00"}, "worker-wrap watch (PID 7)"},
		{"another's watch", map[string]string{"proc/7/cmdline": "worker-wrap\x00watch\x00--runner-root\x00/srv/x\x00"}, ""},
		{"no watch", map[string]string{"proc/7/cmdline": "worker-wrap\x00doctor\x00--runner-root\x00/srv/my-runner\x00"}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := System{Root: testkit.Files(t, test.files)}
			got := s.keeper(layout, systemd.Unit{Name: "u", Path: "/" + unit}, s.systemd().PathUnit(layout.Root), strings.HasSuffix(test.name, "that runs"))
			if got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
	root := testkit.Files(t, map[string]string{".runner": "\xef\xbb\xbf{\"DisableUpdate\": true}", "other/.runner": "{}", "_work/x": ""})
	uid := strconv.Itoa(os.Getuid())
	for _, test := range []struct {
		name, argv, cwd, uid string
		want                 bool
	}{
		{"there", "worker-wrap\x00watch\x00", root, uid, true},
		{"another name", "./worker-wrap-amd64\x00watch\x00--prefix\x00/opt\x00", root, uid, true},
		{"below", "worker-wrap\x00watch\x00--while-pid\x007\x00", root + "/_work", uid, true},
		{"in one below", "worker-wrap\x00watch\x00", root + "/other", uid, false},
		{"elsewhere", "worker-wrap\x00watch\x00", "/", uid, false},
		{"there, for another", "worker-wrap\x00watch\x00--runner-root=other\x00", root, uid, false},
		{"relative", "worker-wrap\x00watch\x00--runner-root\x00..\x00", root + "/_work", uid, true},
		{"there, for a moment", "worker-wrap\x00watch\x00--until-quiet\x0030s\x00--runner-root\x00" + root + "\x00", root, uid, false},
		{"all", "worker-wrap\x00watch\x00--all\x00", "/", uid, true},
		{"all, as root", "worker-wrap\x00watch\x00--all\x00", "/", "0", true},
		{"all, as somebody else", "worker-wrap\x00watch\x00--all\x00", "/", "61234", false},
	} {
		s := System{Root: testkit.Files(t, map[string]string{"proc/7/cmdline": test.argv, "proc/7/status": "Name:\tx\nUid:\t" + test.uid + "\n"})}
		if err := os.Symlink(test.cwd, s.path("proc/7/cwd")); err != nil {
			t.Fatal(err)
		}
		if got := s.keeper(runner.Layout{Root: root}, systemd.Unit{}, systemd.PathUnit{}, true); (got == "worker-wrap watch (PID 7)") != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	if !runner.NoUpdates(root) || runner.NoUpdates(root+"/other") || runner.NoUpdates(root+"/none") {
		t.Error("disableUpdate is misread")
	}
}

func TestAssignments(t *testing.T) {
	got := assignments("\xef\xbb\xbfA=1\r\n\n=x\nnothing\nB=a=b\nA=2\nD=1\nD=\n")
	if !slices.Equal(got, []string{"B=a=b", "A=2", "D="}) || environ.Get(got, "A") != "2" || environ.Get(got, "C") != "" {
		t.Errorf("%q", got)
	}
}

// TestVariables: .env comes before what the Listener was given, and takes away from it; the files that each start reads
// come last, the runner's own first.
func TestVariables(t *testing.T) {
	s := System{Root: testkit.Files(t, map[string]string{
		"r/.env":                "A=env\nGONE=\nWORKER_WRAP_WAIT=\n",
		"r/.worker-wrap.env":    "# one\nWORKER_WRAP_ISOLATE=alone\n",
		settings.MachineFile:    "WORKER_WRAP_ISOLATE=always\nWORKER_WRAP_WAIT=1s\n",
		"proc/7/cmdline":        "/r/bin/Runner.Listener\x00",
		"proc/7/status":         "Name:\tRunner.Listener\n",
		"proc/7/environ":        "WORKER_WRAP_USERNS=1\x00WORKER_WRAP_WAIT=2s\x00DOCKER_HOST=x\x00A=other\x00",
		"r/bin/Runner.Listener": "",
	})}
	l := runner.Layout{Root: s.path("/r")}
	p, ok := s.Listener("/r")
	if !ok {
		t.Fatal("no Listener")
	}
	all, err := s.variables(l, &p, &systemd.Unit{})
	want := []string{"A=env", "WORKER_WRAP_USERNS=1", "DOCKER_HOST=x", "WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_ISOLATE=always", "WORKER_WRAP_WAIT=1s"}
	if got := asEnv(all); err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	for name, want := range map[string]Variable{
		"ISOLATE": {"WORKER_WRAP_ISOLATE", "alone", l.Root + "/.worker-wrap.env"},
		"USERNS":  {"WORKER_WRAP_USERNS", "1", "the environment of the Listener (PID 7)"},
		"WAIT":    {"WORKER_WRAP_WAIT", "1s", s.path(settings.MachineFile)},
		"LOG":     {},
	} {
		if got, ok, err := s.Chosen(l, name); got != want || ok != (want.Name != "") || err != nil {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	if err := errors.Join(os.Remove(l.Root+"/.worker-wrap.env"), os.Mkdir(l.Root+"/.worker-wrap.env", 0o755)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Chosen(l, "ISOLATE"); err == nil {
		t.Error("a file of settings that cannot be read is no error")
	}
}

// TestVariablesOfAUnit: if no Listener runs, what the unit will give it counts in that place.
func TestVariablesOfAUnit(t *testing.T) {
	s := System{Root: testkit.Files(t, map[string]string{
		"r/.runner":                     `{"workFolder": "_work"}`,
		"r/.env":                        "WORKER_WRAP_LOG=\n",
		"r/.worker-wrap.env":            "WORKER_WRAP_ISOLATE=alone\n",
		"etc/systemd/system/ci.service": "[Service]\nExecStart=/r/run.sh\nEnvironment=WORKER_WRAP_USERNS=1\nEnvironmentFile=/a\n",
		"etc/systemd/system/ci.service.d/x.conf": "[Service]\nEnvironment=\nEnvironment=WORKER_WRAP_ISOLATE=sometimes A=b \"WORKER_WRAP_PRIVATE=/x y\"\n" +
			"Environment=WORKER_WRAP_WAIT=1s WORKER_WRAP_LOG=x\nEnvironmentFile=\nEnvironmentFile=-/none\nEnvironmentFile=/b\n",
		"a": "WORKER_WRAP_TMPFS=1\n",
		"b": "# WORKER_WRAP_USERNS=1\n\nWORKER_WRAP_WAIT=\"2s\"\nDOCKER_HOST=unix:///x\n",
	})}
	l := runner.Layout{Root: s.path("/r")}
	want := []string{
		"DOCKER_HOST=unix:///x", "WORKER_WRAP_WAIT=2s", "WORKER_WRAP_WAIT=1s", "WORKER_WRAP_PRIVATE=/x y", "WORKER_WRAP_ISOLATE=sometimes", "WORKER_WRAP_ISOLATE=alone",
	}
	if w := s.Starter(l); !slices.Equal(w.Env, want) {
		t.Errorf("%q, want %q", w.Env, want)
	}
	if v, _, err := s.Chosen(l, "ISOLATE"); err != nil || v.From != "/etc/systemd/system/ci.service.d/x.conf" {
		t.Errorf("%+v, %v", v, err)
	}
	if v, _, err := s.Chosen(l, "WAIT"); err != nil || v != (Variable{"WORKER_WRAP_WAIT", "2s", "/b"}) {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestRunner(t *testing.T) {
	s := System{Root: testkit.Files(t, map[string]string{"x": ""})} // a machine without Docker or processes
	root := testkit.Files(t, map[string]string{
		".runner": `{"workFolder":"_work"}`, ".env": "DOCKER_HOST=unix:///none/docker.sock\n",
		"bin/Runner.Worker": "own", "_work/_temp/x": "",
	})
	layout, err := runner.FromRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	self, err := perpid.Self()
	if err != nil {
		t.Fatal(err)
	}
	dead := self
	dead.PID, dead.Start = 1, 1<<62
	for _, name := range []string{self.String(), dead.String(), "undeletable." + dead.String(), "readme"} {
		if err := os.MkdirAll(filepath.Join(root, "_work", perpid.StoreName, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(root, "_diag"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, e := range []events.Event{
		{Kind: events.Start, PID: 5, Outcome: events.Private},
		{Kind: events.Fallback, PID: 6, Outcome: events.Plain, Error: "no privilege"},
		{Kind: events.Sweep, PID: 7},
		{Kind: events.Start, PID: 6, Outcome: events.Plain},
		{Kind: events.ProxyEnd, PID: 5},
	} {
		if err := events.Append(layout.Diag(), e); err != nil {
			t.Fatal(err)
		}
	}
	r := s.Runner(layout)
	l := r.Leftovers
	if l.Living != 1 || l.Dead != 1 || l.Undeletable != 1 || l.Unknown != 0 || l.Err != nil || l.Store.Path != filepath.Join(root, perpid.StoreName) {
		t.Errorf("leftovers: %+v", l)
	}
	if r.UID != os.Getuid() || r.Listener != nil || r.Work.FS == "" || !r.Temp.Exists {
		t.Errorf("%+v", r)
	}
	if r.Docker.Host != "unix:///none/docker.sock" || r.Docker.Socket != "" || !strings.Contains(r.Docker.Missing, "no such file") {
		t.Errorf("docker: %+v", r.Docker)
	}
	if r.Last == nil || r.Last.PID != 6 || !r.Last.Unisolated || r.Last.Error != "no privilege" {
		t.Errorf("last start: %+v", r.Last)
	}
	for _, outcome := range []string{events.Private, events.Plain} { // plain without a fallback: as WORKER_WRAP_ISOLATE=overlap has it
		if err := events.Append(layout.Diag(), events.Event{Kind: events.Start, PID: 8, Outcome: outcome}); err != nil {
			t.Fatal(err)
		}
		if e := record.Last(layout.Diag()); e == nil || e.Unisolated || e.Outcome != outcome || e.Error != "" {
			t.Errorf("last start: %+v", e)
		}
	}
}

// TestSees has a process with another root, as a pause process has another view.
func TestSees(t *testing.T) {
	work := testkit.Files(t, map[string]string{"_temp/x": "", ".worker-wrap/one/x": ""})
	temp := filepath.Join(work, "_temp")
	proc := func(seen string) System {
		dir := testkit.Dir(t)
		inside := filepath.Join(dir, "proc", "5", "root", temp)
		if err := os.MkdirAll(filepath.Dir(inside), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(seen, inside); err != nil {
			t.Fatal(err)
		}
		return System{Root: dir}
	}
	pause := Pause{Process{PID: 5}}
	for seen, want := range map[string]string{
		temp:                                    temp,
		filepath.Join(work, ".worker-wrap/one"): filepath.Join(work, ".worker-wrap/one"),
		"/usr":                                  "",
		"/nonexistent":                          "",
	} {
		if got := proc(seen).Sees(pause, filepath.Dir(work), temp); got != want {
			t.Errorf("sees %q, want %q", got, want)
		}
	}
}

// TestPauses has a real process of that name, in a mount namespace where _temp is another folder.
func TestPauses(t *testing.T) {
	testkit.RequireRoot(t)
	unshare := testkit.RequireTool(t, "unshare", "util-linux")
	sleep, err := os.ReadFile("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	work := testkit.Files(t, map[string]string{"_temp/x": "", ".worker-wrap/one/x": "", "podman pause": string(sleep)})
	temp, one := filepath.Join(work, "_temp"), filepath.Join(work, ".worker-wrap", "one")
	cmd := exec.Command(unshare, "--mount", "--propagation", "private", "sh", "-c",
		`mount --bind "$1" "$2" && exec "$3" 1000`, "sh", one, temp, filepath.Join(work, "podman pause"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	testkit.Await(t, "it is found", func() bool {
		return slices.ContainsFunc(System{}.pauses(), func(p Pause) bool {
			if p.PID != cmd.Process.Pid {
				return false
			}
			if got := (System{}).Sees(p, filepath.Dir(filepath.Dir(temp)), temp); got != one {
				t.Errorf("sees %q, want %q", got, one)
			}
			return true
		})
	})
}

func TestPausesByName(t *testing.T) {
	s := System{Root: testkit.Files(t, map[string]string{
		"proc/1/comm": "podman pause\n", "proc/1/status": "Name:\tpodman pause\n", "proc/1/cmdline": "podman\x00",
		"proc/2/comm": "catatonit\n", "proc/2/status": "Name:\tcatatonit\n", "proc/2/cmdline": "catatonit\x00-P\x00",
		"proc/3/comm": "catatonit\n", "proc/3/status": "Name:\tcatatonit\n", "proc/3/cmdline": "/run/podman-init\x00--\x00sh\x00",
		"proc/4/comm": "podman\n", "proc/4/status": "Name:\tpodman\n",
	})}
	var pids []int
	for _, p := range s.pauses() {
		pids = append(pids, p.PID)
	}
	slices.Sort(pids)
	if !slices.Equal(pids, []int{1, 2}) {
		t.Errorf("pause processes: %v", pids)
	}
}

func TestFolderAt(t *testing.T) {
	dir := testkit.Files(t, map[string]string{"file": ""})
	missing := FolderAt(filepath.Join(dir, "a", "b"))
	here := FolderAt(dir)
	if missing.Exists || missing.FS == "" || missing.FS != here.FS || !here.Exists || here.UID != os.Getuid() {
		t.Errorf("%+v\n%+v", missing, here)
	}
	if f := FolderAt(filepath.Join(dir, "file")); f.Exists {
		t.Errorf("a file: %+v", f)
	}
	if f := FolderAt(filepath.Join(dir, "file")); !f.Other {
		t.Errorf("a file: %+v", f)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if f := FolderAt(filepath.Join(dir, "link")); !f.Other || !f.Link || missing.Other || here.Other {
		t.Errorf("a link that leads nowhere: %+v", f)
	}
	for _, test := range []struct {
		mode   os.FileMode
		uid    int
		closed bool
	}{{0o700, os.Getuid() + 1, true}, {0o755, 61234, true}, {0o777, 61234, false}, {0o776, 61234, true}, {0o700, 0, false}} {
		if err := os.Chmod(dir, test.mode); err != nil {
			t.Fatal(err)
		}
		if users.ClosedTo(dir, test.uid) != test.closed {
			t.Errorf("%+v: %v", test, !test.closed)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if f := FolderAt("/proc"); f.FS != "0x9fa0" {
		t.Errorf("/proc: %+v", f)
	}
}

// TestEmptyFiles: what has 0 bytes is found, what is not there is none.
func TestEmptyFiles(t *testing.T) {
	l := runner.Layout{Root: t.TempDir()}
	if err := os.Mkdir(l.Bin(), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"runsvc.sh": "", "run.sh": "#!/bin/bash\n", "bin/Runner.Worker.real": "", "bin/other": ""} {
		if err := os.WriteFile(filepath.Join(l.Root, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := Empty(l), []string{l.Root + "/runsvc.sh", l.Root + "/bin/Runner.Worker.real"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
