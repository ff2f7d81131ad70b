package confine

import (
	"slices"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// serviceWith is that of an ordinary user whose unit has these lines.
func serviceWith(lines ...string) *Service {
	r := &Service{UID: 1000, Layout: runner.Layout{Root: "/r", Work: "/r/_work"}, Shim: "/usr/local/lib/worker-wrap/worker-wrap"}
	r.Unit.Name = "u.service"
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		r.Unit.Settings = append(r.Unit.Settings, systemd.Setting{Key: key, Value: value})
		r.Unit.Lines = append(r.Unit.Lines, systemd.Line{Setting: systemd.Setting{Key: key, Value: value}})
	}
	return r
}

// TestObstacles: what the lines of a unit come to, and what takes it back. scripts has the same under systemd itself.
func TestObstacles(t *testing.T) {
	for _, test := range []struct {
		lines   string
		version int
		want    string // SETTING -> MEND, one for each obstacle
	}{
		{"", 252, ""},
		{"NoNewPrivileges=yes", 257, "NoNewPrivileges=yes -> NoNewPrivileges=no"},
		{"NoNewPrivileges=yes|NoNewPrivileges=no", 252, ""},
		{"NoNewPrivileges=no|LockPersonality=1", 252, "LockPersonality=1 -> LockPersonality=no"},
		{"NoNewPrivileges=no|LockPersonality=1", 0, "LockPersonality=1 -> LockPersonality=no"},
		{"LockPersonality=1", 255, ""},
		{"LockPersonality=1|ProtectClock=yes|SystemCallFilter=@mount", 254, "LockPersonality=1, ProtectClock=yes, SystemCallFilter=@mount -> LockPersonality=no|ProtectClock=no|SystemCallFilter="},
		{"DynamicUser=yes", 257, "DynamicUser=yes -> DynamicUser=no"},
		{"AmbientCapabilities=CAP_SYS_ADMIN|NoNewPrivileges=yes", 252, ""},
		{"AmbientCapabilities=CAP_SYS_ADMIN|AmbientCapabilities=|NoNewPrivileges=yes", 252, "NoNewPrivileges=yes -> NoNewPrivileges=no"},
		{"AmbientCapabilities=cap_chown|AmbientCapabilities=cap_sys_admin|NoNewPrivileges=yes", 252, ""},

		{"RestrictNamespaces=yes", 257, "RestrictNamespaces=yes -> RestrictNamespaces=mnt"},
		{"RestrictNamespaces=yes", 252, "RestrictNamespaces=yes -> RestrictNamespaces=no"},
		{"RestrictNamespaces=no", 252, ""},
		{"RestrictNamespaces=mnt user", 257, ""},
		{"RestrictNamespaces=pid|RestrictNamespaces=mnt", 257, ""},
		{"RestrictNamespaces=~mnt", 257, "RestrictNamespaces=~mnt -> RestrictNamespaces=mnt"},
		{"RestrictNamespaces=~pid|RestrictNamespaces=~mnt", 257, "RestrictNamespaces=~pid, RestrictNamespaces=~mnt -> RestrictNamespaces=mnt"},
		{"RestrictNamespaces=~mnt|RestrictNamespaces=mnt", 252, ""},
		{"RestrictNamespaces=yes|RestrictNamespaces=", 252, ""},

		{"SystemCallFilter=~@mount", 257, "SystemCallFilter=~@mount -> SystemCallFilter=@mount"},
		{"SystemCallFilter=~open_tree:EPERM", 257, "SystemCallFilter=~open_tree:EPERM -> SystemCallFilter=@mount"},
		{"SystemCallFilter=@system-service|SystemCallFilter=~@process", 257, "SystemCallFilter=@system-service, SystemCallFilter=~@process -> SystemCallFilter=@mount unshare"},
		{"SystemCallFilter=@system-service @mount", 257, ""},
		{"SystemCallFilter=@system-service|SystemCallFilter=@mount", 257, ""},
		{"SystemCallFilter=~@mount|SystemCallFilter=@mount", 257, ""},
		{"SystemCallFilter=~@privileged", 257, "SystemCallFilter=~@privileged -> SystemCallFilter=capset"},
		{"SystemCallFilter=~@mount|SystemCallFilter=", 257, ""},
		{"SystemCallFilter=~@mount|SystemCallFilter=|SystemCallFilter=~@swap unshare", 257, "SystemCallFilter=~@swap unshare -> SystemCallFilter=unshare"},

		{"CapabilityBoundingSet=", 257, "CapabilityBoundingSet= -> CapabilityBoundingSet=CAP_SYS_ADMIN"},
		{"CapabilityBoundingSet=CAP_CHOWN   CAP_KILL", 257, "CapabilityBoundingSet=CAP_CHOWN   CAP_KILL -> CapabilityBoundingSet=CAP_SYS_ADMIN"},
		{"CapabilityBoundingSet=~CAP_SYS_ADMIN", 257, "CapabilityBoundingSet=~CAP_SYS_ADMIN -> CapabilityBoundingSet=CAP_SYS_ADMIN"},
		{"CapabilityBoundingSet=~CAP_NET_ADMIN", 257, ""},
		{"CapabilityBoundingSet=CAP_KILL|CapabilityBoundingSet=CAP_SYS_ADMIN", 257, ""},
		{"CapabilityBoundingSet=CAP_KILL|CapabilityBoundingSet=~", 257, ""},

		{"ProtectSystem=strict", 257, "ProtectSystem=strict -> ReadWritePaths=/r"},
		{"ProtectSystem=strict|ReadWritePaths=-/r", 257, ""},
		{"ProtectSystem=strict|ReadWritePaths=/r/_work /r/_diag", 257, ""},
		{"ProtectSystem=strict|ReadWritePaths=/r/_diag", 257, "ProtectSystem=strict -> ReadWritePaths=/r"},
		{"ProtectSystem=strict|ReadWritePaths=/r|ReadWritePaths=", 257, "ProtectSystem=strict -> ReadWritePaths=/r"},
		{"ProtectSystem=strict|BindPaths=/data:/r", 257, ""},
		{"ProtectSystem=full", 257, ""},
		{"ReadOnlyPaths=/r/_work /x", 257, "ReadOnlyPaths=/r/_work -> ReadOnlyPaths=|ReadOnlyPaths=/x"},
		{`ReadOnlyPaths="/r"`, 257, "ReadOnlyPaths=/r -> ReadOnlyPaths="},
		{"ReadOnlyPaths=/", 257, "ReadOnlyPaths=/ -> ReadWritePaths=/r"},
		{"InaccessiblePaths=-/usr/local /a", 257, "InaccessiblePaths=-/usr/local -> InaccessiblePaths=|InaccessiblePaths=/a"},
		{"InaccessiblePaths=/r/_work /usr/local /x", 257, "InaccessiblePaths=/r/_work -> InaccessiblePaths=|InaccessiblePaths=/x; InaccessiblePaths=/usr/local -> InaccessiblePaths=|InaccessiblePaths=/x"},
		{"ProtectHome=yes|InaccessiblePaths=/r", 257, "InaccessiblePaths=/r -> InaccessiblePaths="},
		{"TemporaryFileSystem=/usr/local:ro", 257, "TemporaryFileSystem=/usr/local:ro -> BindReadOnlyPaths=/usr/local/lib/worker-wrap"},
		{"TemporaryFileSystem=/usr/local:ro|BindReadOnlyPaths=/usr/local/lib/worker-wrap", 257, ""},
		{"NoExecPaths=/|ExecPaths=/usr /r", 257, ""},
		{"NoExecPaths=/|ExecPaths=/usr/bin /r", 257, "NoExecPaths=/ -> ExecPaths=/usr/local/lib/worker-wrap"},
		{"PrivateUsers=yes", 257, ""},
		{"ProcSubset=pid", 257, ""},
	} {
		var lines []string
		if test.lines != "" {
			lines = strings.Split(test.lines, "|")
		}
		var got []string
		for _, o := range serviceWith(lines...).Obstacles(test.version) {
			got = append(got, o.Setting+" -> "+strings.Join(o.Mend, "|"))
		}
		if strings.Join(got, "; ") != test.want {
			t.Errorf("%s with systemd %d: %q, want %q", test.lines, test.version, got, test.want)
		}
		// What the drop-in says is enough.
		for _, o := range serviceWith(lines...).Obstacles(test.version) {
			lines = append(lines, o.Mend...)
		}
		if left := serviceWith(lines...).Obstacles(test.version); len(left) > 0 {
			t.Errorf("%s with systemd %d, mended: %+v", test.lines, test.version, left)
		}
	}
}

// TestObstaclesForOthers: root needs no capability of a file's, and WORKER_WRAP_USERNS no capability, but both some calls.
func TestObstaclesForOthers(t *testing.T) {
	lines := []string{"NoNewPrivileges=yes", "CapabilityBoundingSet=CAP_KILL", "RestrictNamespaces=yes", "SystemCallFilter=~@privileged"}
	root, userns := serviceWith(lines...), serviceWith(lines...)
	root.UID, userns.Userns = 0, true
	for _, test := range []struct {
		r    *Service
		want []string
	}{
		{root, []string{"RestrictNamespaces=mnt", "CapabilityBoundingSet=CAP_SYS_ADMIN"}},
		{userns, []string{"RestrictNamespaces=mnt user"}},
	} {
		var mends []string
		for _, o := range test.r.Obstacles(252) {
			mends = append(mends, o.Mend...)
		}
		if !slices.Equal(mends, test.want) {
			t.Errorf("%q, want %q", mends, test.want)
		}
	}
}

// TestDropInIsForAShell: a path with anything in it comes through printf(1) and the shell as it is.
func TestDropInIsForAShell(t *testing.T) {
	got := DropIn(&systemd.Unit{Name: "a b.service"}, []string{`ReadWritePaths="/50%% it's \x"`})
	want := `printf '[Service]\nReadWritePaths="/50%%%% it'\''s \\x"\n'`
	if !strings.Contains(got, want) {
		t.Errorf("%s\nhas not\n%s", got, want)
	}
}

// TestDropInComesLast: no drop-in that is there comes after it. One of ours that is last is written anew, with what it has.
func TestDropInComesLast(t *testing.T) {
	const dir = "/etc/systemd/system/a.service.d/"
	for _, test := range []struct {
		name string
		u    systemd.Unit
		want string
	}{
		{"alone", systemd.Unit{}, "'[Service]\\nA=1\\n' | sudo tee " + dir + "zz-worker-wrap.conf "},
		{"others before", systemd.Unit{DropIns: []string{"/run/systemd/system/service.d/zz-hardening.conf"}}, "| sudo tee " + dir + "zz-worker-wrap.conf "},
		{"others after", systemd.Unit{DropIns: []string{dir + "zzz.conf"}}, "| sudo tee " + dir + "zzz.conf-worker-wrap.conf "},
		{
			"ours",
			systemd.Unit{DropIns: []string{dir + "zz-worker-wrap.conf"}, Lines: []systemd.Line{{Setting: systemd.Setting{Key: "B", Value: "2"}, From: dir + "zz-worker-wrap.conf"}}},
			"'[Service]\\nB=2\\nA=1\\n' | sudo tee " + dir + "zz-worker-wrap.conf ",
		},
		{"ours and one after", systemd.Unit{DropIns: []string{dir + "zz-worker-wrap.conf", dir + "zzz.conf"}}, "'[Service]\\nA=1\\n' | sudo tee " + dir + "zzz.conf-worker-wrap.conf "},
		{"both ours", systemd.Unit{DropIns: []string{dir + "zz-worker-wrap.conf", dir + "zzz.conf", dir + "zzz.conf-worker-wrap.conf"}}, "| sudo tee " + dir + "zzz.conf-worker-wrap.conf "},
	} {
		test.u.Name = "a.service"
		if got := DropIn(&test.u, []string{"A=1"}); !strings.Contains(got, test.want) {
			t.Errorf("%s: %s\nhas not\n%s", test.name, got, test.want)
		}
	}
}
