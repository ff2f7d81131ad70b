package survey

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// service names the unit that starts a runner, "" if none does, of those whose files lead to it. That is the one which its
// Listener is in, else the one that svc.sh has noted in .service, or the first. A Listener in the noted one proves that too,
// and so does one in a service with User= of the folder's owner. In another it proves nothing: cron or sshd may have started
// it, and any runner's job can call a process its Listener. .service is the runner's user's, and could name the service of
// another user: with proved it is not believed alone.
func (s System) service(l runner.Layout, listener *Process, proved bool) string {
	services := discover.Services
	if s.once != nil {
		services = func(string) []discover.Service { return s.once.services() }
	}
	names := discover.Starting(services(s.Root), s.Root, l.Root)
	if listener != nil { // so a template's instance that it is not in is only one that could be
		names = slices.DeleteFunc(names, func(name string) bool { return strings.Contains(name, "@") && name != listener.Service })
	}
	noted := runner.UnitName(s.read(filepath.Join(s.Inside(l.Root), runner.ServiceName)))
	switch {
	case listener != nil && listener.Service != "" && (slices.Contains(names, listener.Service) || listener.Service == noted || s.runs(l, listener)):
		return listener.Service
	case slices.Contains(names, noted), len(names) == 0 && !proved:
		return noted
	case len(names) > 0:
		return names[0]
	}
	return ""
}

// runs reports whether the service that a Listener is in runs as its user, who has the runner's folder.
func (s System) runs(l runner.Layout, listener *Process) bool {
	uid, err := ownerOfRoot(l)
	id, known := users.ID(s.systemd().Named(listener.Service).User)
	return known && id == listener.UID && err == nil && uid == id
}

// Service looks at the unit that starts a runner, as root's files or the Listener tell.
func (s System) Service(l runner.Layout) systemd.Unit {
	return s.systemd().Named(s.service(l, s.listener(s.Inside(l.Root)), true))
}

// of returns a unit without its settings if its processes are another user's than the runner's: a service of root's that
// starts it as somebody (su, setpriv, cron). For that systemd does not set no_new_privs as it does for a service with
// User= (systemd.exec(5), NoNewPrivileges=). What the service hands on is seen of the Listener.
func of(uid int, u systemd.Unit) systemd.Unit {
	if id, known := users.ID(cmp.Or(u.User, "root")); known && id != uid {
		u.Settings, u.Lines = nil, nil
	}
	return u
}

// serviceOf names the system's service that a process is in, "" if it is in none. It is given the file cgroup in /proc of
// that process, and of process 1 (cgroups(7)). The name is the first part of the path that is no slice (systemd's
// src/basic/cgroup-util.c, cg_path_get_unit). Only root can bring a process there: who has got the control groups below a
// unit may not write those above (Documentation/admin-guide/cgroup-v2.rst, "Delegation Containment"). Below
// user@UID.service a user's own manager names them, so that says nothing.
func serviceOf(cgroup, first string) string {
	for _, hierarchy := range [...]string{":name=systemd:", "0::"} { // the first is there unless all are unified
		above := strings.TrimSuffix(pathIn(first, hierarchy), "/init.scope") // of a container
		rest := strings.TrimPrefix(pathIn(cgroup, hierarchy), strings.TrimSuffix(above, "/"))
		for part := range strings.SplitSeq(strings.TrimPrefix(rest, "/"), "/") {
			if strings.HasSuffix(part, ".slice") {
				continue
			}
			if strings.HasSuffix(part, ".service") && !strings.HasPrefix(part, "user@") {
				// systemd puts _ before a name that the kernel could take for its own.
				return runner.UnitName(strings.TrimPrefix(part, "_"))
			}
			break
		}
	}
	return ""
}

// pathIn is that of a process in a hierarchy, "" if there is none.
func pathIn(cgroup, hierarchy string) string {
	for line := range strings.Lines(cgroup) {
		if number, path, ok := strings.Cut(line, hierarchy); ok && !strings.Contains(number, ":") {
			return strings.TrimSpace(path)
		}
	}
	return ""
}
