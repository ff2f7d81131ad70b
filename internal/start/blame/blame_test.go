package blame

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
	"github.com/worker-wrap/worker-wrap/mounts"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestCauses: what is blamed is what was at fault, and the mend is that of whoever can change it.
func TestCauses(t *testing.T) {
	const unit = "actions.runner.me.service"
	may := privilege{sysAdmin: true}
	in := func(m manager, change func(*privilege)) privilege {
		p := may
		p.manager, p.hasAppArmor = m, true
		if change != nil {
			change(&p)
		}
		return p
	}
	filtered := func(p *privilege) { p.seccomp = true }
	labelled := func(p *privilege) { p.seccomp, p.apparmor = true, "lxc-container-default-cgns (enforce)" }
	inUnit := func(p *privilege) { p.seccomp, p.unit = true, unit }
	for name, c := range map[string]struct {
		privilege
		call  string
		errno unix.Errno
		want  []string
		not   string
	}{
		"an ordinary user":      {privilege{uid: 1000}, "unshare", unix.EPERM, []string{"sudo setcap cap_sys_admin"}, ""},
		"a binary on NFS":       {privilege{uid: 1000, keepsNoCaps: true}, "unshare", unix.EPERM, []string{"NFS", "install worker-wrap on a local one"}, "setcap"},
		"on NFS, no_new_privs":  {privilege{uid: 1000, keepsNoCaps: true, noNewPrivs: true}, "unshare", unix.EPERM, []string{"NFS"}, "setcap"},
		"no_new_privs, no caps": {privilege{uid: 1000, noNewPrivs: true}, "unshare", unix.EPERM, []string{"NoNewPrivileges=no", "setcap"}, ""},
		"no_new_privs, Docker":  {privilege{uid: 1000, hasFileCaps: true, noNewPrivs: true, manager: docker}, "unshare", unix.EPERM, []string{"--security-opt no-new-privileges"}, "unit"},
		"no_new_privs":          {privilege{uid: 1000, hasFileCaps: true, noNewPrivs: true}, "unshare", unix.EPERM, []string{"NoNewPrivileges=no"}, "RestrictNamespaces"},
		"of systemd 252":        {privilege{uid: 1000, hasFileCaps: true, noNewPrivs: true, seccomp: true, unit: unit}, "unshare", unix.EPERM, []string{"NoNewPrivileges=no", unit, "RestrictNamespaces="}, ""},
		"nosuid":                {privilege{uid: 1000, hasFileCaps: true, nosuid: true}, "unshare", unix.EPERM, []string{"nosuid"}, ""},
		"root without":          {privilege{}, "unshare", unix.EPERM, []string{"user namespace"}, ""},
		"not granted":           {privilege{uid: 1, hasFileCaps: true}, "unshare", unix.EPERM, []string{"was not granted"}, ""},
		"a service without":     {privilege{uid: 1000, bounded: true}, "unshare", unix.EPERM, []string{"CapabilityBoundingSet="}, ""},
		"Docker without":        {privilege{bounded: true, manager: docker}, "unshare", unix.EPERM, []string{"--cap-add SYS_ADMIN"}, ""},
		"a container without":   {privilege{bounded: true, manager: container}, "unshare", unix.EPERM, []string{"this container", "whatever runs the container"}, "unit"},
		"Podman without":        {privilege{bounded: true, manager: podman}, "unshare", unix.EPERM, []string{"--cap-add SYS_ADMIN"}, ""},
		"Kubernetes without":    {privilege{bounded: true, manager: kubernetes}, "unshare", unix.EPERM, []string{"securityContext"}, "--cap-add"},
		"LXC without":           {privilege{bounded: true, manager: lxc}, "unshare", unix.EPERM, []string{"lxc.cap.drop"}, "--cap-add"},

		"LXC, labelled":          {in(lxc, labelled), "mount", unix.EACCES, []string{"AppArmor profile lxc-container-default-cgns (enforce)", "lxc.apparmor.allow_nesting = 1", "pct set ID --features nesting=1"}, "seccomp"},
		"LXC, reads unconfined":  {in(lxc, filtered), "mount", unix.EACCES, []string{"AppArmor", "LXC", "lxc.apparmor.allow_nesting = 1"}, "seccomp"},
		"LXD":                    {in(lxd, filtered), "mount", unix.EACCES, []string{"AppArmor", "lxc config set NAME security.nesting true"}, "seccomp"},
		"Incus":                  {in(incus, filtered), "mount", unix.EACCES, []string{"AppArmor", "incus config set NAME security.nesting true"}, "seccomp"},
		"Docker's profile":       {in(docker, labelled), "mount", unix.EACCES, []string{"--security-opt apparmor=unconfined"}, "nesting"},
		"Podman's profile":       {in(podman, labelled), "mount", unix.EACCES, []string{"--security-opt apparmor=unconfined"}, "nesting"},
		"Kubernetes's profile":   {in(kubernetes, labelled), "mount", unix.EACCES, []string{"appArmorProfile"}, "--security-opt"},
		"a profile of a service": {in("", labelled), "mount", unix.EACCES, []string{"allow mount in the profile"}, "--security-opt"},
		"a unit in LXC":          {in(lxc, func(p *privilege) { inUnit(p) }), "mount", unix.EACCES, []string{"AppArmor", "allow_nesting"}, "SystemCallFilter"},

		"RestrictNamespaces=":          {in("", inUnit), "unshare", unix.EPERM, []string{"RestrictNamespaces= of the unit " + unit, "systemctl edit " + unit}, "container"},
		"RestrictNamespaces= in LXC":   {in(lxc, inUnit), "unshare", unix.EPERM, []string{"RestrictNamespaces= of the unit " + unit}, "lxc."},
		"SystemCallFilter=":            {in("", inUnit), "mount", unix.EPERM, []string{"SystemCallFilter=@mount", unit}, "container"},
		"SystemCallErrorNumber=EACCES": {privilege{sysAdmin: true, seccomp: true, unit: unit}, "mount", unix.EACCES, []string{"SystemCallFilter=@mount"}, "security module"},
		"Docker's filter":              {in(docker, filtered), "unshare", unix.EPERM, []string{"seccomp filter", "--security-opt seccomp="}, "unit"},
		"Docker's filter and profile":  {in(docker, labelled), "unshare", unix.EPERM, []string{"seccomp filter"}, "AppArmor"},
		"LXC's filter":                 {in(lxc, filtered), "mount", unix.EPERM, []string{"lxc.seccomp.profile"}, "--cap-add"},
		"a filter of nobody's":         {privilege{sysAdmin: true, seccomp: true}, "mount", unix.EPERM, []string{"seccomp filter"}, "container"},
		"AppArmor's capability":        {in("", func(p *privilege) { p.apparmor = "runner (enforce)" }), "unshare", unix.EPERM, []string{"AppArmor profile runner (enforce)"}, "seccomp"},
		"SELinux":                      {privilege{sysAdmin: true, seccomp: true, hasSELinux: true}, "mount", unix.EACCES, []string{"ausearch"}, "seccomp"},
		"nobody knows":                 {may, "mount", unix.EPERM, []string{"dmesg"}, ""},
	} {
		err := fmt.Errorf("cannot lay: %w", &mounts.Error{Op: c.call, Err: c.errno})
		got := refused(err, c.privilege, c.call).hint()
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", name, got, want)
			}
		}
		if c.not != "" && strings.Contains(got, c.not) || strings.Contains(got, "\n") || got == "" {
			t.Errorf("%s: %q says %q, or is no line", name, got, c.not)
		}
	}
}

// TestHintsUserns is the same for a user namespace.
func TestUserns(t *testing.T) {
	const unit = "actions.runner.me.service"
	for name, c := range map[string]struct {
		privilege
		errno unix.Errno
		want  string
		not   string
	}{
		"a profile":           {privilege{apparmor: "x (enforce)", hasAppArmor: true, seccomp: true, manager: docker}, unix.EACCES, "--security-opt apparmor=unconfined", "seccomp"},
		"LXC's":               {privilege{hasAppArmor: true, seccomp: true, manager: lxc}, unix.EACCES, "lxc.apparmor.allow_nesting", "seccomp"},
		"SELinux":             {privilege{hasSELinux: true}, unix.EACCES, "ausearch", "seccomp"},
		"RestrictNamespaces=": {privilege{seccomp: true, unit: unit}, unix.EPERM, "RestrictNamespaces= of the unit " + unit, "container"},
		"Docker's filter":     {privilege{seccomp: true, manager: docker}, unix.EPERM, "seccomp", "unit"},
		"a chroot":            {privilege{}, unix.EPERM, "chroot", ""},
		"one in a container":  {privilege{manager: docker}, unix.EPERM, "chroot", "seccomp"},
	} {
		got := refused(c.errno, c.privilege, "clone").hintUserns()
		if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) || strings.Contains(got, "\n") {
			t.Errorf("%s: %q, want %q and not %q", name, got, c.want, c.not)
		}
	}
}

func TestChrooted(t *testing.T) {
	const proc = "22 27 0:21 / /proc rw - proc proc rw\n"
	if chrooted(proc+"27 2 8:1 / / rw - ext4 / rw\n") || !chrooted(proc) {
		t.Error("a root that is a mount, or none, tells the other way")
	}
}

func TestManagerOf(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	dir := &fstest.MapFile{Mode: fs.ModeDir | 0o755}
	for name, c := range map[string]struct {
		root         fstest.MapFS
		want         manager
		pod, overlay bool
	}{
		"a machine":                     {root: fstest.MapFS{"proc/1/environ": file("HOME=/\x00TERM=linux\x00")}, want: ""},
		"a machine, to a user":          {root: fstest.MapFS{}, want: ""},
		"Docker":                        {root: fstest.MapFS{".dockerenv": file("")}, want: docker},
		"Docker in LXC":                 {root: fstest.MapFS{".dockerenv": file(""), "dev/lxc": dir}, want: docker},
		"Docker of Kubernetes":          {root: fstest.MapFS{".dockerenv": file(""), "run/secrets/kubernetes.io/serviceaccount/token": file("")}, want: kubernetes},
		"Podman":                        {root: fstest.MapFS{"run/.containerenv": file(""), "run/systemd/container": file("podman\n")}, want: podman},
		"LXC, systemd":                  {root: fstest.MapFS{"run/systemd/container": file("lxc\n")}, want: lxc},
		"LXC, its environment":          {root: fstest.MapFS{"proc/1/environ": file("A=b\x00container=lxc\x00")}, want: lxc},
		"LXC, its folder":               {root: fstest.MapFS{"dev/lxc": dir}, want: lxc},
		"LXD":                           {root: fstest.MapFS{"dev/lxd/sock": file(""), "run/systemd/container": file("lxc")}, want: lxd},
		"Incus":                         {root: fstest.MapFS{"dev/incus/sock": file(""), "run/systemd/container": file("lxc")}, want: incus},
		"nspawn":                        {root: fstest.MapFS{"run/systemd/container": file("systemd-nspawn")}, want: container},
		"a variable of another":         {root: fstest.MapFS{"proc/1/environ": file("mycontainer=lxc\x00")}, want: ""},
		"a pod without a token":         {root: fstest.MapFS{"proc/1/comm": file("run.sh\n")}, pod: true, overlay: true, want: kubernetes},
		"a pod of CRI-O":                {root: fstest.MapFS{"run/.containerenv": file("")}, pod: true, want: kubernetes},
		"a pod of an image that has it": {root: fstest.MapFS{"proc/1/environ": file("container=oci\x00")}, pod: true, want: kubernetes},
		"nerdctl":                       {root: fstest.MapFS{"proc/1/comm": file("run.sh\n")}, overlay: true, want: container},
		"a live system":                 {root: fstest.MapFS{"proc/1/comm": file("systemd\n")}, overlay: true, want: ""},
	} {
		if got := managerOf(c.root, c.pod, c.overlay); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestUnitOf(t *testing.T) {
	for groups, want := range map[string]string{
		"0::/system.slice/actions.runner.me.service\n":                                    "actions.runner.me.service",
		"0::/user.slice/user-1000.slice/user@1000.service/app.slice/run.service\n":        "run.service",
		"0::/system.slice/runner.service/sub\n":                                           "runner.service",
		"12:pids:/system.slice/a.service\n1:name=systemd:/system.slice/a.service\n0::/\n": "a.service",
		"0::/\n":                               "",
		"0::/system.slice/docker-0123.scope\n": "",
		"":                                     "",
	} {
		if got := unitOf(groups); got != want {
			t.Errorf("%q: %q, want %q", groups, got, want)
		}
	}
}
