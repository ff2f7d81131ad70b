package systemd

import (
	"reflect"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

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
			files := map[string]string{"etc/systemd/system/" + name: test.unit}
			for path, text := range test.dropIns {
				files[path] = text
			}
			got := Machine{Root: testkit.Files(t, files)}.Named(name)
			test.want.Name, test.want.Path = name, "/etc/systemd/system/"+name
			got.Lines, got.DropIns = nil, nil
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
	if got := (Machine{Root: testkit.Files(t, nil)}).Named(""); !reflect.DeepEqual(got, Unit{}) {
		t.Errorf("without a name: %+v", got)
	}
}

// TestUnitOfATemplate: an instance has the template's file, the drop-ins of both, and its own name in what they say.
func TestUnitOfATemplate(t *testing.T) {
	got := Machine{Root: testkit.Files(t, map[string]string{
		"etc/systemd/system/runner@.service":             "[Service]\nReadWritePaths=/srv/%i/%%i\n",
		"etc/systemd/system/runner@.service.d/b.conf":    "[Service]\nA=%p\n",
		"run/systemd/system/runner@a.service.d/c.conf":   "[Service]\nA=%n\n",
		"etc/systemd/system/runner@other.service/d.conf": "[Service]\nA=no\n",
	})}.Named("runner@a.service")
	want := []Setting{{"ReadWritePaths", "/srv/a/%%i"}, {"A", "runner"}, {"A", "runner@a.service"}}
	if !reflect.DeepEqual(got.Settings, want) || got.Path != "/etc/systemd/system/runner@.service" || got.Lines[2].From != "/run/systemd/system/runner@a.service.d/c.conf" {
		t.Errorf("%+v", got)
	}
}

// TestInForce: what systemd says counts, and what it does not tell stays as the files have it.
func TestInForce(t *testing.T) {
	u := Unit{Settings: []Setting{{"ReadOnlyPaths", "/a"}, {"ReadOnlyPaths", "/b"}, {"ExecStart", "x"}, {"SystemCallFilter", "~@mount"}, {"SystemCallFilter", ""}, {"SystemCallErrorNumber", "kill"}}}
	u.inForce(map[string]string{"ReadOnlyPaths": "/a /b", "SystemCallFilter": "~", "NoNewPrivileges": "yes", "DynamicUser": "yes", "ExecStart": "y", "SystemCallErrorNumber": "2147483646"})
	want := []Setting{{"ReadOnlyPaths", "/a /b"}, {"ExecStart", "x"}, {"SystemCallFilter", ""}, {"SystemCallErrorNumber", "kill"}, {"NoNewPrivileges", "yes"}}
	if len(u.Settings) < len(want) || !reflect.DeepEqual(u.Settings[:len(want)], want) {
		t.Errorf("%+v", u.Settings)
	}
}

func TestSource(t *testing.T) {
	u := Unit{Settings: []Setting{{"BindPaths", "/data/r:/srv/r -/data/w:/srv/r/_work:rbind /srv/x"}}}
	for path, want := range map[string]string{
		"/srv/r/_work":  "/data/w",
		"/srv/r/_diag":  "/data/r/_diag",
		"/srv/rest":     "",
		"/srv/x":        "",
		"/srv/r/_works": "/data/r/_works",
	} {
		if got, ok := u.Source(path); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", path, got, ok)
		}
	}
}

func TestMakes(t *testing.T) {
	u := Unit{Settings: []Setting{{"StateDirectory", "ci/work other"}, {"RuntimeDirectory", "r:alias"}}}
	for path, want := range map[string]bool{"/var/lib/ci/work": true, "/var/lib/ci/work/x": true, "/run/r": true, "/var/lib/ci": false, "/run/alias": false, "/var/lib/work": false} {
		if u.Makes(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
	for _, u := range []Unit{{Name: "a.service"}, {Name: "a.service", Lines: []Line{{Setting: Setting{"ExecStartPre", "+install -d /w"}}}}} {
		if !u.Makes("/w") {
			t.Errorf("%+v may make no folder", u)
		}
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

func TestVersion(t *testing.T) {
	for text, want := range map[string]int{"257.8-1~deb13u2\n": 257, "systemd 252 (252.39-1~deb12u2)\n+PAM": 252, "249\n": 249, "": 0, "x": 0, "v257": 0} {
		if got := parseVersion(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// FuzzParseUnit: what is said of a unit comes from its [Service] sections only, and names a setting that is
// there.
func FuzzParseUnit(f *testing.F) {
	for _, seed := range []string{
		"[Service]\nUser=ci\nNoNewPrivileges=yes\n", "[Service]\nNoNewPrivileges=1\n[Unit]\nNoNewPrivileges=no\n", "[Service]\nUser=ci\nSystemCallFilter=~@mount\nSystemCallFilter=\n",
		"[Service]\nCapabilityBoundingSet=CAP_CHOWN\\\n CAP_SYS_ADMIN\n", "[Service]\nRestrictNamespaces=~mnt\n", " [Service]\n#User=x\n;User=y\nUser = z = w\n", "[Service\nUser=x", "\xff\\\n",
	} {
		f.Add(seed)
	}
	read := func(texts ...string) Unit {
		var u Unit
		for _, text := range texts {
			u.parse("", text)
		}
		u.asWritten()
		return u
	}
	f.Fuzz(func(t *testing.T, text string) {
		u := read(text)
		for _, said := range u.Settings {
			if !strings.Contains(text, said.Key) || !strings.Contains(text, "[Service]") {
				t.Fatalf("%q gives %+v", text, u)
			}
		}
		if with := read("[Unit]\nUser=other\nNoNewPrivileges=yes\nRestrictNamespaces=yes\n", text, "[Install]\nUser=other\n"); !reflect.DeepEqual(with, u) {
			t.Fatalf("%q gives %+v, and between other sections %+v", text, u, with)
		}
		if last := read(text, "[Service]\nUser=last\n"); last.User != "last" || len(last.Settings) != len(u.Settings)+1 {
			t.Fatalf("%q and a file that sets User gives %+v", text, last)
		}
	})
}
