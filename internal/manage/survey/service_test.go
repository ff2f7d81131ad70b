package survey

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestServiceOfARunner: the control group of its Listener goes before .service, and that before a unit's file name.
func TestServiceOfARunner(t *testing.T) {
	const units, inService = "etc/systemd/system/", "0::/system.slice/actions.runner.b-new.service\n"
	two := map[string]string{
		units + "actions.runner.a-old.service": "[Service]\nWorkingDirectory=/srv/pool/a\nUser=nobody\n",
		units + "actions.runner.b-new.service": "[Service]\nWorkingDirectory=/srv/pool/a\nUser=daemon\n",
	}
	listener := func(cgroup string) map[string]string {
		return map[string]string{
			"proc/7/cmdline": "/srv/pool/a/bin/Runner.Listener\x00run\x00", "proc/7/status": "Uid:\t1\t1\t1\t1\n", "proc/7/cgroup": cgroup,
		}
	}
	noted := func(name string) map[string]string { return map[string]string{"srv/pool/a/.service": name + "\n"} }
	template := map[string]string{units + "gha@.service": "[Service]\nWorkingDirectory=/srv/pool/%i\nExecStart=/srv/pool/%i/runsvc.sh\nUser=daemon\n"}
	const old, now = "actions.runner.a-old.service", "actions.runner.b-new.service"
	for _, test := range []struct {
		name         string
		files        []map[string]string
		seen, proved string // by who trusts .service, and by who does not
	}{
		{"the first", []map[string]string{two}, old, old},
		{"the noted one", []map[string]string{two, noted(now)}, now, now},
		{"the Listener's", []map[string]string{two, noted(old), listener(inService)}, now, now},
		{"a Listener in none", []map[string]string{two, noted(now), listener("0::/user.slice/user-0.slice/session-1.scope\n")}, now, now},
		{"another's is noted", []map[string]string{two, noted("other.service")}, old, old},
		{"only noted", []map[string]string{noted("other.service")}, "other.service", ""},
		{"a template, stopped", []map[string]string{template}, "gha@a.service", "gha@a.service"},
		{"a template", []map[string]string{template, listener("1:name=systemd:/system.slice/system-gha.slice/gha@a.service\n")}, "gha@a.service", "gha@a.service"},
		{"in another than the template's", []map[string]string{template, listener("0::/system.slice/other.service\n")}, "", ""},
		{"another's job calls itself a Listener", []map[string]string{two, listener("0::/system.slice/other.service\n")}, old, old},
		{"one that cron has started", []map[string]string{noted("/"), listener("0::/system.slice/cron.service\n")}, "", ""},
		{"only noted, and the Listener's", []map[string]string{noted("other.service"), listener("0::/system.slice/other.service\n")}, "other.service", "other.service"},
	} {
		files := map[string]string{"srv/pool/a/.runner": `{"workFolder": "_work"}`}
		for _, more := range test.files {
			maps.Copy(files, more)
		}
		s := System{Root: testkit.Files(t, files)}
		l, err := runner.FromRoot(filepath.Join(s.Root, "srv/pool/a"))
		if err != nil {
			t.Fatal(err)
		}
		in := s.listener("/srv/pool/a")
		if seen, proved := s.service(l, in, false), s.service(l, in, true); seen != test.seen || proved != test.proved {
			t.Errorf("%s: %q and %q, want %q and %q", test.name, seen, proved, test.seen, test.proved)
		}
		if w := s.Starter(l); w.Unit.Name != test.proved || strings.HasPrefix(w.Unit.Name, "actions.runner.b") && w.User != "daemon" {
			t.Errorf("%s: %+v", test.name, w)
		}
	}
}

// TestUnitOfAnotherUser: what a service of root's that starts the runner as somebody else has is no setting of the Workers'.
func TestUnitOfAnotherUser(t *testing.T) {
	testkit.RequireRoot(t)
	for user, mine := range map[string]bool{"": false, "root": false, "nobody": false, "daemon": true, "1": true, "not-in-passwd": true} {
		s := System{Root: testkit.Files(t, map[string]string{
			"r/.runner": `{"workFolder": "_work"}`, "r/.service": "host.service",
			"etc/systemd/system/host.service": "[Service]\nExecStart=/r/run.sh\nProtectHostname=yes\nUser=" + user + "\n",
			"proc/7/cmdline":                  "/r/bin/Runner.Listener\x00run\x00", "proc/7/status": "Uid:\t1\t1\t1\t1\n", "proc/7/cgroup": "0::/system.slice/host.service\n",
		})}
		l := runner.Layout{Root: s.path("/r")}
		if w := s.Starter(l); w.User != "daemon" || w.Unit.Name != "host.service" || (w.Unit.Last("ProtectHostname") != "") != mine {
			t.Errorf("User=%s: %+v", user, w)
		}
		if u := s.Service(l); u.Last("ProtectHostname") == "" {
			t.Errorf("User=%s: %+v", user, u)
		}
		if err := errors.Join(os.RemoveAll(s.path("/proc")), os.Chown(l.Root, 1, 1)); err != nil {
			t.Fatal(err)
		}
		if r := s.Runner(l); user != "not-in-passwd" && (r.Unit.Last("ProtectHostname") != "") != (user != "") {
			t.Errorf("User=%s, stopped: %+v", user, r.Unit)
		}
	}
}

func TestServiceOf(t *testing.T) {
	for _, test := range []struct{ cgroup, first, want string }{
		{"0::/system.slice/ci.service\n", "0::/init.scope\n", "ci.service"},
		{"0::/system.slice/ci.service/below.service\n", "", "ci.service"},
		{"0::/system.slice/system-gha.slice/gha@a.service", "", "gha@a.service"},
		{"0::/ci.service\n", "", "ci.service"},
		{"0::/system.slice/_cpu.service\n", "", "cpu.service"},
		{"12:pids:/x.service\n1:name=systemd:/system.slice/ci.service\n0::/system.slice/other.service\n", "", "ci.service"},
		{"9:name=systemd:/\n0::/system.slice/ci.service\n", "9:name=systemd:/\n0::/init.scope\n", "ci.service"},
		{"0::/lxc/box/system.slice/ci.service\n", "0::/lxc/box/init.scope\n", "ci.service"},
		{"0::/system.slice/docker-1.scope/system.slice/ci.service\n", "0::/init.scope\n", ""},
		{"0::/user.slice/user-1.slice/session-2.scope\n", "", ""},
		{"0::/user.slice/user-1.slice/user@1.service/app.slice/ci.service\n", "", ""},
		{"0::/\n", "0::/\n", ""},
		{"1:cpu:0::/ci.service\n", "", ""},
		{"", "", ""},
	} {
		if got := serviceOf(test.cgroup, test.first); got != test.want {
			t.Errorf("%q in %q: %q, want %q", test.cgroup, test.first, got, test.want)
		}
	}
}
