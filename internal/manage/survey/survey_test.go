package survey

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

func TestVersionOf(t *testing.T) {
	deps := `{"targets":{".NETCoreApp,Version=v8.0/linux-x64":{"Runner.Listener/2.333.1":{"dependencies":{}}}}}`
	log := "[2026-04-20 11:55:19Z INFO Listener] Runner package linux-x64.\n[2026-04-20 11:55:19Z INFO Listener] Version: %s\n"
	tests := []struct {
		name  string
		files map[string]string
		link  string
		want  string
		from  string
	}{
		{"what bin holds", map[string]string{"bin.2.334.0/Runner.Listener.deps.json": deps, "_diag/Runner_1.log": fmt.Sprintf(log, "2.1.0")}, "bin.2.334.0", "2.333.1", "deps.json"},
		{"the link's name", map[string]string{"bin.2.334.0/x": ""}, "bin.2.334.0", "2.334.0", "bin"},
		{"the newest log", map[string]string{
			"_diag/Runner_20260101-000000-utc.log": fmt.Sprintf(log, "2.300.0"),
			"_diag/Runner_20260201-000000-utc.log": fmt.Sprintf(log, "2.301.0"),
			"_diag/Worker_20260301-000000-utc.log": fmt.Sprintf(log, "2.302.0"),
		}, "", "2.301.0", "Runner_20260201-000000-utc.log"},
		{"nonsense", map[string]string{"bin.old/Runner.Listener.deps.json": `"Runner.Listener/new"`}, "bin.old", "", ""},
		{"nothing", nil, "", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := testkit.Files(t, test.files)
			if test.link != "" {
				if err := os.Symlink(test.link, filepath.Join(root, "bin")); err != nil {
					t.Fatal(err)
				}
			}
			version, from := VersionOf(root)
			if version != test.want || !strings.HasSuffix(from, test.from) {
				t.Errorf("%q from %q, want %q from %q", version, from, test.want, test.from)
			}
		})
	}
}

func TestBefore(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"2.335.9", "2.336.0", true},
		{"2.336.0", "2.336.0", false},
		{"2.1000.0", "2.336.0", false},
		{"1.999.0", "2.0.0", true},
		{"", "2.336.0", false},
		{"2.3", "2.336.0", false},
		{"2.3.-1", "2.336.0", false},
	} {
		if got := Before(test.a, test.b); got != test.want {
			t.Errorf("Before(%q, %q) = %v", test.a, test.b, got)
		}
	}
}

func TestUnit(t *testing.T) {
	const name = "actions.runner.o-r.box.service"
	tests := []struct {
		name    string
		unit    string
		dropIns map[string]string // path below the root: text
		want    Unit
	}{
		{"plain", "[Service]\nUser=ci\n", nil, Unit{User: "ci", Settings: []Setting{{"User", "ci"}}}},
		{"blanks", "[Service]\nUser = ci\nA= b \\\n c\n", nil, Unit{User: "ci", Settings: []Setting{{"User", "ci"}, {"A", "b   c"}}}},
		{"elsewhere", "[Unit]\nA=yes\n#[Service]\n; A=yes\n[Service]\n#A=b\n;A=c\nA\n", nil, Unit{}},
		{"drop-in", "[Service]\nA=1\n", map[string]string{"run/systemd/system/" + name + ".d/a.conf": "[Service]\nA=2\n"}, Unit{Settings: []Setting{{"A", "1"}, {"A", "2"}}}},
		{"hidden drop-in", "[Service]\n", map[string]string{
			"run/systemd/system/" + name + ".d/a.conf": "[Service]\nA=1\n",
			"etc/systemd/system/" + name + ".d/a.conf": "[Service]\n",
		}, Unit{}},
		{"drop-ins of others", "[Service]\nA=1\n", map[string]string{
			"etc/systemd/system/service.d/b.conf":                   "[Service]\nA=3\n",
			"etc/systemd/system/actions.runner.o-.service.d/a.conf": "[Service]\nA=2\n",
			"etc/systemd/system/actions.-.service.d/a.conf":         "[Service]\nA=4\n",
			"run/systemd/system/" + name + ".d/c.conf":              "[Service]\nA=5\n",
			"etc/systemd/system/service.d/c.conf":                   "[Service]\nA=6\n",
		}, Unit{Settings: []Setting{{"A", "1"}, {"A", "2"}, {"A", "3"}, {"A", "5"}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"r/.service": name + "\n", "etc/systemd/system/" + name: test.unit}
			for path, text := range test.dropIns {
				files[path] = text
			}
			got := System{Root: testkit.Files(t, files)}.Unit("/r")
			test.want.Name, test.want.Path = name, "/etc/systemd/system/"+name
			got.Lines, got.DropIns = nil, nil
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
	if got := (System{Root: testkit.Files(t, nil)}).Unit("/r"); !reflect.DeepEqual(got, Unit{}) {
		t.Errorf("without .service: %+v", got)
	}
	if got := (System{Root: testkit.Files(t, map[string]string{"r/.service": "../x"})}).Unit("/r"); !reflect.DeepEqual(got, Unit{}) {
		t.Errorf("a name with a path in it: %+v", got)
	}
}

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
			got := s.keeper(layout, Unit{Name: "u", Path: "/" + unit}, s.PathUnit(layout.Root), strings.HasSuffix(test.name, "that runs"))
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
		if got := s.keeper(runner.Layout{Root: root}, Unit{}, PathUnit{}, true); (got == "worker-wrap watch (PID 7)") != test.want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
	if !noUpdates(root) || noUpdates(root+"/other") || noUpdates(root+"/none") {
		t.Error("disableUpdate is misread")
	}
}

// TestPathUnitTrouble: what systemd says of the path unit and of the watch that it starts.
func TestPathUnitTrouble(t *testing.T) {
	const show = "Id=a.path\nLoadState=loaded\nActiveState=active\nResult=success\nNeedDaemonReload=no\n\n" +
		"Id=a.service\nLoadState=loaded\nActiveState=inactive\nResult=success\nNeedDaemonReload=no\n"
	for _, test := range []struct{ from, to, want string }{
		{"", "", ""},
		{"Id=a.path\nLoadState=loaded", "Id=a.path\nLoadState=not-found", "cannot be loaded by systemd (not-found)"},
		{"Id=a.service\nLoadState=loaded", "Id=a.service\nLoadState=bad-setting", "service that cannot be loaded by systemd (bad-setting)"},
		{"ActiveState=active", "ActiveState=inactive", "is stopped"},
		{"ActiveState=active\nResult=success", "ActiveState=failed\nResult=unit-start-limit-hit", "has failed (unit-start-limit-hit)"},
		{"ActiveState=inactive\nResult=success", "ActiveState=failed\nResult=exit-code", "a watch that has failed (exit-code)"},
		{"Result=success\nNeedDaemonReload=no", "Result=success\nNeedDaemonReload=yes", "changed since"},
	} {
		found := parseShow(strings.Replace(show, test.from, test.to, 1))
		p := PathUnit{Name: "a.path", Enabled: true, Asked: true, Path: stateOf(found[0]), Service: stateOf(found[1])}
		if got := p.Trouble(); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", test.to, got, test.want)
		}
	}
	if len(parseShow("")) != 0 {
		t.Error("nothing is a unit")
	}
}

func TestSystemdVersion(t *testing.T) {
	for text, want := range map[string]int{"257.8-1~deb13u2\n": 257, "systemd 252 (252.39-1~deb12u2)\n+PAM": 252, "249\n": 249, "": 0, "x": 0, "v257": 0} {
		if got := parseSystemdVersion(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
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
	all, err := s.variables(l, &p)
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
	if l.Living != 1 || l.Dead != 1 || l.Undeletable != 1 || l.Unknown != 0 || l.Err != nil || !l.Store.Exists {
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
		if e := LastStart(layout.Diag()); e == nil || e.Unisolated || e.Outcome != outcome || e.Error != "" {
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
		if got := proc(seen).Sees(pause, temp); got != want {
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
		`mount --bind "$1" "$2" && exec "$3" 60`, "sh", one, temp, filepath.Join(work, "podman pause"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	for range 5000 {
		for _, p := range (System{}).pauses() {
			if p.PID != cmd.Process.Pid {
				continue
			}
			if got := (System{}).Sees(p, temp); got != one {
				t.Errorf("sees %q, want %q", got, one)
			}
			return
		}
		_ = unix.Nanosleep(&unix.Timespec{Nsec: 1e6}, nil)
	}
	t.Error("not found")
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
		if closedTo(dir, test.uid) != test.closed {
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
	if got, want := empty(l), []string{l.Root + "/runsvc.sh", l.Root + "/bin/Runner.Worker.real"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestUnitOfATemplate: an instance has the template's file, the drop-ins of both, and its own name in what they say.
func TestUnitOfATemplate(t *testing.T) {
	got := System{Root: testkit.Files(t, map[string]string{
		"r/.service":                                     "runner@a.service",
		"etc/systemd/system/runner@.service":             "[Service]\nReadWritePaths=/srv/%i/%%i\n",
		"etc/systemd/system/runner@.service.d/b.conf":    "[Service]\nA=%p\n",
		"run/systemd/system/runner@a.service.d/c.conf":   "[Service]\nA=%n\n",
		"etc/systemd/system/runner@other.service/d.conf": "[Service]\nA=no\n",
	})}.Unit("/r")
	want := []Setting{{"ReadWritePaths", "/srv/a/%%i"}, {"A", "runner"}, {"A", "runner@a.service"}}
	if !reflect.DeepEqual(got.Settings, want) || got.Path != "/etc/systemd/system/runner@.service" || got.Lines[2].From != "/run/systemd/system/runner@a.service.d/c.conf" {
		t.Errorf("%+v", got)
	}
}

// TestInForce: what systemd says counts, and what it does not tell stays as the files have it.
func TestInForce(t *testing.T) {
	u := Unit{Settings: []Setting{{"ReadOnlyPaths", "/a"}, {"ReadOnlyPaths", "/b"}, {"ExecStart", "x"}, {"SystemCallFilter", "~@mount"}, {"SystemCallFilter", ""}}}
	u.inForce(map[string]string{"ReadOnlyPaths": "/a /b", "SystemCallFilter": "~", "NoNewPrivileges": "yes", "DynamicUser": "yes", "ExecStart": "y"})
	want := []Setting{{"ReadOnlyPaths", "/a /b"}, {"ExecStart", "x"}, {"SystemCallFilter", ""}, {"NoNewPrivileges", "yes"}}
	if len(u.Settings) < 4 || !reflect.DeepEqual(u.Settings[:4], want) {
		t.Errorf("%+v", u.Settings)
	}
}
