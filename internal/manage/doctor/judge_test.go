package doctor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/record"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/mounts"
)

// well is a machine with one runner where nothing is wrong.
func well() checks.Facts {
	const all = ^uint64(0)
	return checks.Facts{
		Captured: true,
		Machine: survey.Machine{
			Kernel:     "6.1.0-29-amd64",
			Features:   []mounts.Feature{{Name: "open_tree, move_mount", Since: "5.2", Have: true}, {Name: "MOVE_MOUNT_SET_GROUP", Since: "5.15", Have: true}},
			MaxMountNS: 10000, MaxUserNS: 10000, AppArmorUserNS: -1, UserNSClone: -1,
			Self: survey.Process{CapBnd: all, UserNS: 1},
		},
		Runners: []checks.Runner{{
			Runner: survey.Runner{
				Layout: runner.Layout{Root: "/r", Work: "/r/_work", Temp: "/r/_work/_temp"},
				User:   "ci", UID: 1000, Version: "2.336.0",
				Unit:     systemd.Unit{Name: "actions.runner.o-r.box.service", User: "ci"},
				Listener: &survey.Process{PID: 77, UID: 1000, CapBnd: all, UserNS: 1},
				Keeper:   "the path unit x",
				Work:     survey.Folder{Path: "/r/_work", Exists: true, UID: 1000, FS: "ext4"},
				Temp:     survey.Folder{Path: "/r/_work/_temp", Exists: true, UID: 1000, FS: "ext4"},
			},
			Install: entry.State{Bins: []entry.Bin{{Dir: "/r/bin.2.336.0", Current: true, Worker: entry.Shim, Real: entry.Own, Target: "/opt/ww"}}},
			Shim:    program.Binary{Path: "/opt/ww", Mode: 0o755, FileCaps: true, SysAdmin: true},
		}},
	}
}

func stopped() systemd.PathUnit {
	well := systemd.UnitState{Load: "loaded", Active: "inactive", Result: "success"}
	return systemd.PathUnit{Name: "x", Enabled: true, Asked: true, Path: well, Service: well}
}

func aStore(uid int, mode os.FileMode) survey.Folder {
	return survey.Folder{Path: "/r/_work/.worker-wrap", Exists: true, UID: uid, Mode: mode}
}

func TestNothingIsWrong(t *testing.T) {
	report := Judge(well())
	if report.ExitCode() != 0 || !report.Runners[0].Protected {
		t.Errorf("not well: %+v", report)
	}
}

// TestBrokenRunner: no other's report hides one whose .runner is no help. What may not be read is neither protected nor
// a problem.
func TestBrokenRunner(t *testing.T) {
	for _, test := range []struct {
		err   error
		level checks.Level
		code  int
		said  string
	}{
		{errors.New("no sense"), checks.Fail, 2, "1 of 2 runners are protected; what has to be mended is marked ✗ above"},
		{&os.PathError{Op: "open", Path: "/b/.runner", Err: os.ErrPermission}, checks.Warn, 1, "1 of 2 runners are protected; see the warnings (!) above"},
	} {
		f := well()
		f.Broken = []checks.Broken{{ConfigError: &runner.ConfigError{Root: "/b", Err: test.err}, User: "ci"}}
		report := Judge(f)
		r := report.Runners[len(report.Runners)-1]
		if r.Root != "/b" || r.Protected || r.Unknown != (test.level == checks.Warn) || checks.Worst(r.Results) != test.level || !report.Runners[0].Protected {
			t.Errorf("%v: %+v", test.err, report.Runners)
		}
		if report.ExitCode() != test.code || report.conclusion() != test.said {
			t.Errorf("%v: %d, %s", test.err, report.ExitCode(), report.conclusion())
		}
		f.Runners = nil
		report = Judge(f)
		if alone := report.conclusion(); len(report.Runners) != 1 || strings.HasPrefix(alone, "whether the runner is protected cannot be told") != (test.level == checks.Warn) {
			t.Errorf("%v, alone: %s", test.err, alone)
		}
	}
}

// Each case spoils one fact. want is "level check: part of what is said".
func TestEachFactIsJudged(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(f *checks.Facts, r *checks.Runner)
		want  string
		mend  string // part of the command, if it is one
	}{
		{"old kernel", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Kernel = "5.4.0-200-generic" }, "problem kernel: too old", "uninstall"},
		{"kernel of the future", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Kernel = "10.0" }, "ok kernel: Linux 10.0", ""},
		{"no group", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Features[1].Have = false }, "warning kernel: MOVE_MOUNT_SET_GROUP (Linux 5.15)", "5.15"},
		{"old mount calls", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Features[0].Have = false }, "ok kernel: stand in for open_tree", ""},
		{"no mount namespaces", func(f *checks.Facts, _ *checks.Runner) { f.Machine.MaxMountNS = 0 }, "problem namespaces: no mount namespaces", "sysctl"},
		{"few mount namespaces", func(f *checks.Facts, _ *checks.Runner) { f.Machine.MaxMountNS = 20 }, "warning namespaces: only 20", "sysctl"},
		{"container", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Container = "docker" }, "ok container: may have CAP_SYS_ADMIN", ""},
		{"weak container", func(f *checks.Facts, _ *checks.Runner) {
			f.Machine.Container, f.Machine.Self.CapBnd, f.Machine.Self.Seccomp = "podman", 0, 2
		}, "problem container: without CAP_SYS_ADMIN, and with a seccomp filter", "--cap-add SYS_ADMIN"},
		{"weak container, user namespaces", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Container, f.Machine.Self.CapBnd, r.Listener.CapBnd, r.Variables = "podman", 0, 0, survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1")
		}, "ok container: without CAP_SYS_ADMIN, which no runner here needs", ""},
		{"no capability to be had", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Self.CapBnd, r.Listener.CapBnd = 0, 0
		}, "problem bounding set: this doctor runs without CAP_SYS_ADMIN", "--cap-add SYS_ADMIN"},
		{"own build", func(f *checks.Facts, _ *checks.Runner) { f.Captured = false }, "warning build: not built by scripts/build", "scripts/build"},
		{"figures", func(f *checks.Facts, _ *checks.Runner) { f.Machine.Exporter, f.Machine.Systemd = true, true }, "ok figures: systemctl enable --now worker-wrap-figures.timer", ""},
		{"processes left", func(_ *checks.Facts, r *checks.Runner) { r.Left.Processes = make([]left.Process, 2) }, "warning processes: 2 processes left", "sudo worker-wrap gc --kill --runner-root /r"},
		{"perhaps left", func(_ *checks.Facts, r *checks.Runner) { r.Left.Processes = []left.Process{{Why: "perhaps"}} }, "ok processes: 1 process left, as it seems", ""},
		{"none left", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_LEFTOVERS=end")
		}, "ok processes: none is known", ""},
		{"left without a record", func(_ *checks.Facts, r *checks.Runner) { r.Strays = 3 }, "warning processes: 3 processes of ci with a job's environment", "WORKER_WRAP_LEFTOVERS=list"},
		{"left in a user namespace", func(_ *checks.Facts, r *checks.Runner) {
			r.Shim.SysAdmin = false
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_LEFTOVERS=end", "WORKER_WRAP_USERNS=1", "WORKER_WRAP_ISOLATE=alone")
		}, "warning processes: does nothing for a Worker that is alone", "WORKER_WRAP_ISOLATE=always"},
		{"left in a user namespace, always", func(_ *checks.Facts, r *checks.Runner) {
			r.Shim.SysAdmin = false
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_LEFTOVERS=end", "WORKER_WRAP_USERNS=1")
		}, "ok processes: none is known", ""},
		{"a namespace for each Worker", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_LEFTOVERS=list")
		}, "ok isolation: each has a mount namespace of its own, in which nothing more is mounted (WORKER_WRAP_LEFTOVERS=list in /r/.env)", ""},
		{"private places come before", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_PRIVATE=/srv/x")
		}, "ok isolation: each Worker gets a _temp of its own (WORKER_WRAP_PRIVATE=/srv/x in /r/.env", ""},
		{"private places", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_ISOLATE=alone", "WORKER_WRAP_PRIVATE=~/.docker=copy:/srv/x")
		}, "ok private: its own ~/.docker, /srv/x", ""},
		{"private places in a user namespace", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_PRIVATE=~/.docker", "WORKER_WRAP_USERNS=1")
		}, "ok private: its own ~/.docker", ""},
		{"a place that cannot be", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_PRIVATE=~")
		}, "problem settings: HOME itself", "correct the line"},
		{"no runner", func(f *checks.Facts, _ *checks.Runner) { f.Runners = nil }, "warning runners: no runner was found", "--runner-root"},

		{"old version", func(_ *checks.Facts, r *checks.Runner) { r.Version = "2.333.1" }, "ok version: does not wait", ""},
		{"old version without shim", func(_ *checks.Facts, r *checks.Runner) {
			r.Version, r.Install.Bins[0].Worker, r.Install.Bins[0].Real = "2.333.1", entry.Own, entry.Missing
		}, "warning version: does not wait", ""},
		{"new version", func(_ *checks.Facts, r *checks.Runner) { r.Version = "2.400.0" }, "ok version: can still overlap: a Worker that outlives", ""},
		{"no version", func(_ *checks.Facts, r *checks.Runner) { r.Version = "" }, "warning version: not known", "--version"},

		{"no shim", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins[0].Worker, r.Install.Bins[0].Real = entry.Own, entry.Missing
		}, "problem shim: /r/bin.2.336.0/Runner.Worker is the runner's own", "sudo worker-wrap install --runner-root /r"},
		{"half a shim", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins[0].Worker, r.Install.Bins[0].WorkerIsReal = entry.Own, true
		}, "problem shim: an install was cut short", "install"},
		{"shim replaced", func(_ *checks.Facts, r *checks.Runner) {
			b := &r.Install.Bins[0]
			b.Worker, b.WorkerIsHost, b.RealIsHost = entry.Own, true, true
		}, "problem shim: has put it over the shim", "install"},
		{"another tool's", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Worker = entry.Own }, "problem shim: /r/bin.2.336.0/Runner.Worker is not worker-wrap", "sudo worker-wrap install --runner-root /r"},
		{"another tool's over the shim", func(_ *checks.Facts, r *checks.Runner) {
			b := &r.Install.Bins[0]
			b.Worker, b.Kept, b.RealIsKept = entry.Own, entry.Own, true
		}, "problem shim: another tool has put it over the shim", "sudo worker-wrap install --runner-root /r"},
		{"another tool's, and something is kept", func(_ *checks.Facts, r *checks.Runner) {
			b := &r.Install.Bins[0]
			b.Worker, b.Kept = entry.Own, entry.Own
		}, "problem shim: beside it is Runner.Worker.worker-wrap, which worker-wrap keeps", "move away the one that jobs do not need"},
		{"empty files", func(_ *checks.Facts, r *checks.Runner) { r.Empty = []string{"/r/runsvc.sh", "/r/bin/Runner.Listener"} }, "problem files: 0 bytes long: /r/runsvc.sh, /r/bin/Runner.Listener", "unpack the runner's release again over /r"},
		{"a link", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Linked = true }, "ok shim: an install changes that", ""},
		{"behind another tool", func(_ *checks.Facts, r *checks.Runner) {
			b := &r.Install.Bins[0]
			b.Worker, b.Real, b.Kept = entry.Own, entry.Shim, entry.Own
			b.By = entry.Moved{Name: runner.RealWorkerName, Thing: entry.Shim}
		}, "warning shim: worker-wrap is Runner.Worker.real beside it", "worker-wrap ps"},
		{"behind another tool, with nothing", func(_ *checks.Facts, r *checks.Runner) {
			b := &r.Install.Bins[0]
			b.Worker, b.Real = entry.Own, entry.Shim
			b.By = entry.Moved{Name: runner.RealWorkerName, Thing: entry.Shim}
		}, "problem shim: Runner.Worker.real is worker-wrap, and the runner's own Worker, which should be Runner.Worker.worker-wrap beside it, is gone", "unpack"},
		{"no real Worker", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Real = entry.Missing }, "problem shim: Runner.Worker.real beside it, is gone", "unpack"},
		{"shim twice", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Real = entry.Shim }, "problem shim: is gone", "unpack"},
		{"binary gone", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Worker = entry.Dangling }, "problem shim: starts a worker-wrap that is not there: /opt/ww", "sudo worker-wrap install"},
		{"unlinked", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins[0].Worker = entry.Missing }, "problem shim: is missing; the runner's own Worker is kept", "sudo worker-wrap install"},
		{"no Worker", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins[0].Worker, r.Install.Bins[0].Real = entry.Missing, entry.Missing
		}, "problem shim: has no Runner.Worker", "unpack"},
		{"no bin", func(_ *checks.Facts, r *checks.Runner) { r.Install.Bins = nil }, "problem shim: /r/bin leads nowhere", "unpack"},
		{"unreadable", func(_ *checks.Facts, r *checks.Runner) { r.InstallErr = os.ErrPermission }, "warning shim: permission denied", "sudo"},
		{"waiting bin", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins = append(r.Install.Bins, entry.Bin{Dir: "/r/bin.2.340.0", Waiting: true, Worker: entry.Own})
		}, "warning shim: /r/bin.2.340.0/Runner.Worker is the runner's own (waits for the runner's update)", "install"},
		{"bin being copied", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins = append(r.Install.Bins, entry.Bin{Dir: "/r/bin.2.340.0", Waiting: true, Worker: entry.Own})
			r.Install.Copying = true
		}, "ok shim: it is being copied", ""},
		{"bin being copied, and nobody watches", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins = append(r.Install.Bins, entry.Bin{Dir: "/r/bin.2.340.0", Waiting: true, Worker: entry.Own})
			r.Install.Copying, r.Keeper = true, ""
		}, "warning shim: from the update on", "install"},
		{"Worker that ci cannot run", func(_ *checks.Facts, r *checks.Runner) {
			r.Unrunnable = map[string]error{"/r/bin.2.336.0": &entry.BarredError{User: "ci", Path: "/r/bin.2.336.0/Runner.Worker.real", By: "/r/bin.2.336.0"}}
		}, "problem shim: ci cannot run /r/bin.2.336.0/Runner.Worker.real because of the mode of /r/bin.2.336.0", "sudo chmod a+rx /r/bin.2.336.0"},
		{"old bin", func(_ *checks.Facts, r *checks.Runner) {
			r.Install.Bins = append(r.Install.Bins, entry.Bin{Dir: "/r/bin.2.330.0", Worker: entry.Own})
		}, "ok shim: in place", ""},
		{"kept", func(_ *checks.Facts, _ *checks.Runner) {}, "ok updates: the path unit x", ""},
		{"not kept", func(_ *checks.Facts, r *checks.Runner) { r.Keeper = "" }, "warning updates: nothing puts the shim back", "start the runner by runsvc-worker-wrap.sh, or keep this running as its user: worker-wrap watch --runner-root /r"},
		{"not kept, with systemd", func(f *checks.Facts, r *checks.Runner) { f.Machine.Systemd, r.Keeper = true, "" }, "warning updates: nothing puts the shim back", "sudo worker-wrap install --runner-root /r"},
		{"masked path unit", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Systemd, r.Keeper = true, ""
			r.PathUnit = systemd.PathUnit{Name: "x.path", Enabled: true, Masks: []string{"/etc/x"}}
		}, "warning updates: the path unit x.path is masked by /etc/x", "sudo worker-wrap install --runner-root /r"},
		{"stopped path unit", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Systemd, r.Keeper, r.PathUnit = true, "", stopped()
		}, "warning updates: the path unit x is stopped", "sudo worker-wrap install --runner-root /r"},
		{"stopped path unit beside a watch", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Systemd, r.Keeper, r.PathUnit = true, "worker-wrap watch (PID 7)", stopped()
		}, "ok updates: worker-wrap watch (PID 7)", ""},
		{"old path unit", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Systemd, r.PathUnit, r.OldUnits = true, systemd.PathUnit{Name: "x", Asked: true}, []string{"/etc/x"}
		}, "warning updates: is not what this version of worker-wrap installs: /etc/x", "sudo worker-wrap install --runner-root /r"},
		{"path unit that systemd keeps to itself", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.Systemd, r.PathUnit = true, systemd.PathUnit{Name: "x"}
		}, "warning updates: whether it runs cannot be told", "sudo worker-wrap doctor --runner-root /r"},
		{"no updates", func(_ *checks.Facts, r *checks.Runner) { r.Keeper, r.NoUpdates = "", true }, "ok updates: --disableupdate", ""},

		{"AppArmor is no matter", func(f *checks.Facts, _ *checks.Runner) { f.Machine.AppArmorUserNS = 1 }, "ok user namespaces: AppArmor", ""},
		{"no user namespaces are no matter", func(f *checks.Facts, _ *checks.Runner) { f.Machine.MaxUserNS = 0 }, "ok user namespaces: switched off", ""},
		{"no privilege", func(_ *checks.Facts, r *checks.Runner) { r.Shim.SysAdmin = false }, "problem privilege: has no file capability, and ci is not root", "sudo setcap cap_sys_admin=p /opt/ww"},
		{"older capability", func(_ *checks.Facts, r *checks.Runner) { r.Shim.AllOrNothing = true }, "warning privilege: cap_sys_admin+ep, which an older worker-wrap gave it", "sudo worker-wrap install --runner-root /r"},
		{"older capability, root", func(_ *checks.Facts, r *checks.Runner) { r.UID, r.User, r.Shim.AllOrNothing = 0, "root", true }, "warning privilege: cap_sys_admin+ep", "sudo worker-wrap install --runner-root /r"},
		{"root", func(_ *checks.Facts, r *checks.Runner) { r.UID, r.User, r.Shim.SysAdmin = 0, "root", false }, "ok privilege: root", ""},
		{"barred", func(_ *checks.Facts, r *checks.Runner) { r.Barred = "/opt" }, "problem binary: ci cannot run /opt/ww: the mode of /opt", "sudo chmod a+x /opt"},
		{"nosuid", func(_ *checks.Facts, r *checks.Runner) { r.Shim.Nosuid = true }, "problem nosuid: mounted nosuid", "remount,suid"},
		{"noexec", func(_ *checks.Facts, r *checks.Runner) { r.Shim.Noexec = true }, "problem noexec: mounted noexec", "remount,exec"},
		{"unit's no_new_privs", func(_ *checks.Facts, r *checks.Runner) {
			r.Unit.Settings = []systemd.Setting{{Key: "NoNewPrivileges", Value: "1"}}
		}, "problem no_new_privs: has NoNewPrivileges=1", `NoNewPrivileges=no\n`},
		{"Listener's no_new_privs", func(_ *checks.Facts, r *checks.Runner) { r.Listener.NoNewPrivs = true }, "problem no_new_privs: Listener (PID 77) runs with no_new_privs", "systemctl restart"},
		{"unit's bounding set", func(_ *checks.Facts, r *checks.Runner) {
			r.Unit.Settings = []systemd.Setting{{Key: "CapabilityBoundingSet", Value: "CAP_KILL"}}
		}, "problem service: CapabilityBoundingSet=CAP_KILL", `CapabilityBoundingSet=CAP_SYS_ADMIN\n`},
		{"Listener's bounding set", func(_ *checks.Facts, r *checks.Runner) { r.Listener.CapBnd = 0 }, "problem bounding set: without CAP_SYS_ADMIN", "CapabilityBoundingSet"},
		{"other user namespace", func(_ *checks.Facts, r *checks.Runner) { r.Listener.UserNS = 2 }, "warning user namespace: another user namespace", "nsenter -t 77"},
		{"seccomp", func(_ *checks.Facts, r *checks.Runner) { r.Listener.Seccomp = 2 }, "warning seccomp: seccomp filter", "@mount"},
		{"AppArmor", func(_ *checks.Facts, r *checks.Runner) { r.Listener.AppArmor = "runner (enforce)" }, "warning apparmor: profile runner (enforce)", "mount,"},
		{"ambient", func(_ *checks.Facts, r *checks.Runner) { r.Listener.CapAmb = 1 << 10 }, "warning ambient: ambient capabilities (0x400)", "mended already: sudo systemctl restart"},
		{"ambient beside what isolates", func(_ *checks.Facts, r *checks.Runner) {
			r.Listener.CapAmb = 1<<10 | program.SysAdmin
			r.Unit.Settings = []systemd.Setting{{Key: "AmbientCapabilities", Value: "CAP_NET_BIND_SERVICE CAP_SYS_ADMIN"}}
		}, "warning ambient: ambient capabilities (0x400)", `\nAmbientCapabilities=\nAmbientCapabilities=CAP_SYS_ADMIN\n`},
		{"AppArmor's user namespaces", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.AppArmorUserNS, r.Shim.SysAdmin = 1, false
		}, "problem privilege: AppArmor restricts unprivileged user namespaces", "setcap"},
		{"no user namespaces", func(f *checks.Facts, r *checks.Runner) {
			f.Machine.MaxUserNS, r.Shim.SysAdmin = 0, false
		}, "problem privilege: user.max_user_namespaces", "setcap"},
		{"userns", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables, r.Shim.SysAdmin, r.Listener.NoNewPrivs = survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1"), false, true
		}, "ok privilege: none needed", ""},
		{"userns and AppArmor", func(f *checks.Facts, r *checks.Runner) {
			r.Variables, f.Machine.AppArmorUserNS = survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1"), 1
		}, "problem privilege: AppArmor lets only", "worker-wrap install --runner-root /r"},
		{"userns and no namespaces", func(f *checks.Facts, r *checks.Runner) {
			r.Variables, f.Machine.MaxUserNS = survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1"), 0
		}, "problem privilege: allows no user namespaces", "sysctl"},
		{"userns for root only", func(f *checks.Facts, r *checks.Runner) {
			r.Variables, f.Machine.UserNSClone = survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1"), 0
		}, "problem privilege: only root may make", "sysctl"},
		{"set-user-ID", func(_ *checks.Facts, r *checks.Runner) { r.Shim.SetID = true }, "problem binary: set-user-ID", "chmod ug-s"},
		{"closed binary", func(_ *checks.Facts, r *checks.Runner) { r.Shim.Mode = 0o700 }, "problem binary: /opt/ww has mode 0700", "sudo worker-wrap install"},
		{"others' binary", func(_ *checks.Facts, r *checks.Runner) { r.Shim.WritableBy = "/opt" }, "warning binary: /opt can be changed", "install"},

		{"settings", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "LANG=C", "WORKER_WRAP_LOG=loud")
		}, "problem settings: /r/.env: WORKER_WRAP_LOG", "restart the runner"},
		{"settings of a file that each start reads", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/etc/worker-wrap/settings", "WORKER_WRAP_WAIT=ever")
		}, "problem settings: /etc/worker-wrap/settings: WORKER_WRAP_WAIT", "the next start reads it"},
		{"a file of settings that cannot be read", func(_ *checks.Facts, r *checks.Runner) { r.SettingsErr = os.ErrPermission }, "problem settings: permission denied", "correct or remove it"},
		{"a folder of settings that is closed", func(_ *checks.Facts, r *checks.Runner) {
			r.SettingsErr = &settings.ClosedError{Path: "/etc/worker-wrap/settings", At: "/etc/worker-wrap"}
		}, "problem settings: ci may not read /etc/worker-wrap/settings, as the mode of /etc/worker-wrap has it", "sudo chmod a+x /etc/worker-wrap"},
		{"nobody has chosen", func(_ *checks.Facts, _ *checks.Runner) {}, "ok isolation: each Worker gets a _temp of its own (nobody has set WORKER_WRAP_ISOLATE)", ""},
		{"alone", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/etc/worker-wrap/settings", "WORKER_WRAP_ISOLATE=alone")
		}, "ok isolation: a Worker that is alone is started as without worker-wrap; one that comes while another lives gets a _temp of its own, by a mount (WORKER_WRAP_ISOLATE=alone in /etc/worker-wrap/settings)", ""},
		{"a hook that removes _temp", func(_ *checks.Facts, r *checks.Runner) { r.Hooks = []string{"/h.sh"} }, "warning hook: /h.sh removes _temp", "empty it"},
		{"setting as in a shell", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "export WORKER_WRAP_WAIT=10m")
		}, "warning settings: \"export WORKER_WRAP_WAIT\" is not a setting", "WORKER_WRAP_WAIT=10m"},
		{"indented setting", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", " WORKER_WRAP_WAIT=10m")
		}, "warning settings: \" WORKER_WRAP_WAIT\" is not a setting", "WORKER_WRAP_WAIT=10m"},
		{"setting's name", func(_ *checks.Facts, r *checks.Runner) {
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_WIAT=20s")
		}, "warning settings: \"WORKER_WRAP_WIAT\" is not a setting", "restart"},
		{"read-only", func(_ *checks.Facts, r *checks.Runner) { r.Work.ReadOnly = true }, "problem work folder: read-only", "remount,rw"},
		{"others' _temp", func(_ *checks.Facts, r *checks.Runner) { r.Temp.UID = 0 }, "problem work folder: /r/_work/_temp belongs to uid 0", "sudo chown ci /r/_work/_temp"},
		{"others' store", func(_ *checks.Facts, r *checks.Runner) { r.Leftovers.Store = aStore(7, 0o711) }, "problem work folder: .worker-wrap belongs to uid 7", "sudo chown ci"},
		{"root's store", func(_ *checks.Facts, r *checks.Runner) { r.Leftovers.Store = aStore(0, 0o777) }, "ok work folder: ", ""},
		{"root's store, closed", func(_ *checks.Facts, r *checks.Runner) {
			r.Leftovers.Store = aStore(0, 0o755)
			r.Closed = r.Leftovers.Store.Path
		}, "problem work folder: .worker-wrap belongs to uid 0, and its mode 0755 does not let ci", "sudo chown ci /r/_work/.worker-wrap && sudo chmod 711"},
		{"others' store of root's runner", func(_ *checks.Facts, r *checks.Runner) { r.UID, r.Leftovers.Store = 0, aStore(7, 0o711) }, "problem work folder: belongs to uid 7", "chown"},
		{"_temp's owner's store of root's runner", func(_ *checks.Facts, r *checks.Runner) { r.UID, r.Leftovers.Store = 0, aStore(1000, 0o711) }, "ok work folder: ", ""},
		{"closed work folder", func(_ *checks.Facts, r *checks.Runner) { r.Closed = "/r/_work" }, "problem work folder: /r/_work belongs to uid 1000", "chown"},
		{"_temp is a file", func(_ *checks.Facts, r *checks.Runner) { r.Temp = survey.Folder{Path: "/r/_work/_temp", Other: true} }, "problem work folder: /r/_work/_temp is not a folder", "mv"},
		{"_temp is a link", func(_ *checks.Facts, r *checks.Runner) { r.Temp.Link, r.Temp.LinkUID = true, 1000 }, "ok work folder: ", ""},
		{"_temp is a link to nowhere", func(_ *checks.Facts, r *checks.Runner) {
			r.Temp = survey.Folder{Path: "/r/_work/_temp", Other: true, Link: true}
		}, "problem work folder: /r/_work/_temp is a link that leads to no folder", "rm /r/_work/_temp"},
		{"_temp is a link to another's", func(_ *checks.Facts, r *checks.Runner) { r.Temp.Link, r.Temp.UID = true, 7 }, "problem work folder: /r/_work/_temp leads to a folder of uid 7's", "lead to a folder of ci's"},
		{"_temp is a link of another's for root", func(_ *checks.Facts, r *checks.Runner) {
			r.UID, r.Temp.Link, r.Temp.UID, r.Temp.LinkUID = 0, true, 7, 8
		}, "problem work folder: /r/_work/_temp is a link of uid 8's to a folder of uid 7's", "chown -h root"},
		{"_temp is a link of root's for root", func(_ *checks.Facts, r *checks.Runner) {
			r.UID, r.Temp.Link, r.Temp.UID, r.Temp.LinkUID = 0, true, 7, 0
		}, "ok work folder: ", ""},
		{"_temp is a link to a read-only file system", func(_ *checks.Facts, r *checks.Runner) { r.Temp.Link, r.Temp.ReadOnly = true, true }, "problem work folder: leads to a file system that is mounted read-only", "writable"},
		{"store is a file", func(_ *checks.Facts, r *checks.Runner) {
			r.Leftovers = survey.Leftovers{Store: survey.Folder{Path: "/r/_work/.worker-wrap", Other: true}, Err: errors.New("x")}
		}, "problem work folder: /r/_work/.worker-wrap is not a folder", "mv"},
		{"store is a link", func(_ *checks.Facts, r *checks.Runner) {
			r.Leftovers.Store = aStore(1000, 0o711)
			r.Leftovers.Store.Link = true
		}, "problem work folder: /r/_work/.worker-wrap is not a folder", "mv"},
		{"NFS", func(_ *checks.Facts, r *checks.Runner) { r.Work.FS = "nfs" }, "warning work folder: is on nfs", "--work"},
		{"FAT", func(_ *checks.Facts, r *checks.Runner) { r.Work.FS = "vfat" }, "warning work folder: is on vfat", "--work"},
		{"overlay", func(_ *checks.Facts, r *checks.Runner) { r.Work.FS = "overlay" }, "ok work folder: is on overlay", ""},
		{"undeletable", func(_ *checks.Facts, r *checks.Runner) { r.Leftovers.Undeletable = 2 }, "warning leftovers: 2 of 2 dead Workers' folders", "sudo worker-wrap gc --runner-root /r"},
		{"other PID namespace", func(_ *checks.Facts, r *checks.Runner) { r.Leftovers.Unknown = 3 }, "warning leftovers: 3 private folders of another", "delete"},
		{"dead", func(_ *checks.Facts, r *checks.Runner) { r.Leftovers.Dead, r.Leftovers.Bytes = 1, 2048 }, "ok leftovers: 1 folder of dead Workers (2.0 KiB)", ""},

		{"ran plain", func(_ *checks.Facts, r *checks.Runner) {
			r.Last = &record.Start{Event: events.Event{Time: time.Unix(1e9, 0), Outcome: "plain", Error: "no privilege"}, Unisolated: true}
		}, "problem last start: without a _temp of its own: no privilege", "mend"},
		{"refused", func(_ *checks.Facts, r *checks.Runner) {
			r.Last = &record.Start{Event: events.Event{Time: time.Unix(1e9, 0), Outcome: events.Refused, Error: "no privilege"}}
		}, "warning last start: was not started: no privilege", "mend"},
		{"ran", func(_ *checks.Facts, r *checks.Runner) {
			r.Last = &record.Start{Event: events.Event{Time: time.Unix(1e9, 0), Outcome: "private"}}
		}, "ok last start: private", ""},

		{"no Docker", func(_ *checks.Facts, _ *checks.Runner) {}, "ok docker: no Docker socket", ""},
		{"Docker", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Socket = "/var/run/docker.sock" }, "ok docker: /var/run/docker.sock", ""},
		{"Docker that may not be covered", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Host: "unix:///run/b us", Socket: "/run/b us", Refused: "/run/b us belongs to uid 0"}
		}, "problem docker: the Docker socket /run/b us belongs to uid 0", "echo '/run/b us' | sudo tee -a /etc/worker-wrap/docker-sockets"},
		{"Docker that may not be covered, in a user namespace", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Socket: "/run/bus", Refused: "/run/bus belongs to uid 0"}
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_USERNS=1")
		}, "ok docker: /run/bus", ""},
		{"Docker that may not be covered, and is left alone", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Socket: "/run/bus", Refused: "/run/bus belongs to uid 0"}
			r.Variables = survey.Assigned("/r/.env", "WORKER_WRAP_DOCKER=off")
		}, "warning docker: WORKER_WRAP_DOCKER=off", ".env"},
		{"Docker out of reach", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Host: "unix:///s", Missing: "the socket of DOCKER_HOST=unix:///s: permission denied"}
		}, "warning docker: permission denied", "let ci use it"},
		{"Docker of another user", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Unknown = "only root can tell" }, "warning docker: only root can tell", "sudo worker-wrap doctor --runner-root /r"},
		{"Docker's list", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Socket: "/s", List: "/etc/worker-wrap/docker-sockets counts for nothing"}
		}, "warning docker: counts for nothing", "sudo chown root:root"},
		{"Docker context", func(_ *checks.Facts, r *checks.Runner) { r.Docker = survey.Docker{Socket: "/s", Context: "far"} }, `warning docker: the docker of ci uses the context "far"`, "DOCKER_HOST"},
		{"Docker left alone", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker.Socket, r.Variables = "/var/run/docker.sock", survey.Assigned("/r/.env", "WORKER_WRAP_DOCKER=off")
		}, "warning docker: WORKER_WRAP_DOCKER=off", ".env"},
		{"Docker and memory", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker.Socket, r.Variables = "/var/run/docker.sock", survey.Assigned("/r/.env", "WORKER_WRAP_BACKING=tmpfs:1g")
		}, "warning docker: WORKER_WRAP_BACKING=tmpfs", ".env"},
		{"Docker elsewhere", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Host = "tcp://10.0.0.1:2376" }, "warning docker: DOCKER_HOST is tcp://10.0.0.1:2376", ".env"},
		{"Docker by sudo only", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Closed = "/var/run/docker.sock" }, "warning docker: ci cannot use the Docker socket", "usermod -aG"},
		{"Docker beside the container", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Socket: "/s", Elsewhere: true, There: "/srv/w"}
		}, "warning docker: at /srv/w", "-v PATH:PATH"},
		{"Docker over ssh", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Host = "ssh://box" }, "warning docker: ssh://box", ".env"},
		{"Docker snap", func(_ *checks.Facts, r *checks.Runner) { r.Docker = survey.Docker{Socket: "/s", Snap: true} }, "warning docker: snap", "snap remove"},
		{"Docker snap at home", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker, r.Work.Path = survey.Docker{Socket: "/s", Snap: true}, "/home/ci/_work"
		}, "ok docker: below /home", ""},
		{"a containerd", func(_ *checks.Facts, r *checks.Runner) { r.Docker.Containerd = true }, "ok containerd: nerdctl", ""},
		{"rootless Docker", func(_ *checks.Facts, r *checks.Runner) {
			r.Docker = survey.Docker{Socket: "/run/user/1000/docker.sock", Rootless: true}
		}, "ok docker: rootless", ""},
		{"Podman", func(_ *checks.Facts, r *checks.Runner) {
			r.Pauses = []survey.PauseView{{Pause: survey.Pause{Process: survey.Process{PID: 9}}, Sees: "/r/_work/_temp"}}
		}, "warning podman: (PID 9) holds the host's _temp", "podman system migrate"},
		{"Podman of a Worker", func(_ *checks.Facts, r *checks.Runner) {
			r.Pauses = []survey.PauseView{{Sees: "/r/_work/.worker-wrap/42-17-4026531836-0123456789ab"}}
		}, "warning podman: the _temp of Worker 42", "migrate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := well()
			test.spoil(&f, &f.Runners[0])
			report := Judge(f)
			all := report.Machine
			for _, r := range report.Runners {
				all = append(all, r.Results...)
			}
			level, rest, _ := strings.Cut(test.want, " ")
			check, what, _ := strings.Cut(rest, ": ")
			found := false
			for _, r := range all {
				if r.Level != checks.OK && (r.Why == "" || r.Mend == "") {
					t.Errorf("no reason or no remedy: %+v", r)
				}
				if (strings.Contains(r.Mend, "mkdir ") || strings.Contains(r.Mend, "tee ")) && !strings.Contains(r.Mend, "chmod a+rX /") {
					t.Errorf("what the remedy makes is closed to others under umask 077: %s", r.Mend)
				}
				if r.Check == check && string(r.Level) == level && strings.Contains(r.What+"; "+r.Why, what) {
					found = true
					if !strings.Contains(r.Mend, test.mend) {
						t.Errorf("the remedy %q does not have %q", r.Mend, test.mend)
					}
				}
			}
			if !found {
				t.Errorf("want %q, have:\n%+v", test.want, all)
			}
			if got := checks.Level(level).Rank(); report.ExitCode() < got || got == 0 && report.ExitCode() != 0 {
				t.Errorf("exit code %d after %q", report.ExitCode(), test.want)
			}
			if protected := report.ExitCode() != 2; len(report.Runners) > 0 && report.Runners[0].Protected != protected {
				t.Errorf("protected is %v, exit code %d", report.Runners[0].Protected, report.ExitCode())
			}
		})
	}
}

func TestPrint(t *testing.T) {
	f := well()
	f.Runners[0].Layout.Root = "/r\x1b[2J"
	f.Runners[0].Shim.SysAdmin = false
	f.Machine.MaxMountNS = 20
	report := Judge(f)
	var b strings.Builder
	if err := report.Print(screen.Screen{Out: &b}, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"  ✓ kernel", "  ! namespaces", "  ✗ privilege", "→ sudo setcap cap_sys_admin=p /opt/ww\n",
		"Runner /r\uFFFD[2J (2.336.0, user ci)\n", "\nthe runner is not protected; what has to be mended is marked ✗ above\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	if strings.ContainsRune(b.String(), '\x1b') {
		t.Error("an escape sequence got through")
	}
}

// TestPrintMany: of many runners those that are well are a line each, and with quiet none; on a terminal all of it fits.
func TestPrintMany(t *testing.T) {
	f := well()
	one := f.Runners[0]
	f.Runners = nil
	for i := range 50 {
		r := one
		r.Layout.Root = fmt.Sprintf("/r%d", i)
		if i == 7 {
			r.Shim.SysAdmin = false
		}
		f.Runners = append(f.Runners, r)
	}
	report := Judge(f)
	print := func(s screen.Screen, quiet bool) string {
		var b strings.Builder
		s.Out = &b
		if err := report.Print(s, quiet); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	page := print(screen.Screen{Width: 80, Colour: true}, false)
	for _, want := range []string{
		"\x1b[32m✓\x1b[0m Runner /r49 (2.336.0, user ci)\n", "\nRunner /r7 (2.336.0, user ci)\n  \x1b[31m✗\x1b[0m privilege", " other checks\n",
		"\n49 of 50 runners are protected; what has to be mended is marked ✗ above\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in:\n%s", want, page)
		}
	}
	for line := range strings.Lines(page) {
		if n := utf8.RuneCountInString(line); n > 81 && !strings.Contains(line, "→") && !strings.Contains(line, "\x1b") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if lines := strings.Count(page, "\n"); lines > 80 {
		t.Errorf("%d lines", lines)
	}
	if quiet := print(screen.Screen{}, true); strings.Contains(quiet, "✓") || !strings.HasPrefix(quiet, "Runner /r7 ") || !strings.Contains(quiet, "\n49 of 50 runners") {
		t.Errorf("%s", quiet)
	}
	if wide := print(screen.Screen{Width: 80, Wide: true}, false); strings.Count(wide, "  ✓ version") != 50 {
		t.Errorf("%s", wide)
	}
	for i := range f.Runners {
		f.Runners[i].Shim.SysAdmin, f.Runners[i].Keeper = false, ""
	}
	f.Runners[3].User = "other"
	report = Judge(f)
	for _, quiet := range []bool{false, true} {
		page = print(screen.Screen{Width: 80}, quiet)
		if strings.Count(page, "✗ privilege") != 2 || strings.Count(page, "\n✗ Runner /r") != 48 || !strings.Contains(page, "\n✗ Runner /r49 (2.336.0, user ci): the same as /r0\n") {
			t.Errorf("the same is not well with 49:\n%s", page)
		}
	}
	for line := range strings.Lines(print(screen.Screen{Width: 50}, true)) {
		if n := utf8.RuneCountInString(line); n > 51 && !strings.Contains(line, "→") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if wide := print(screen.Screen{Wide: true}, false); strings.Count(wide, "✗ privilege") != 50 {
		t.Errorf("%s", wide)
	}
	report = Judge(well())
	if quiet := print(screen.Screen{}, true); quiet != "" {
		t.Errorf("all is well, and it says %q", quiet)
	}
}
