package doctor

import (
	"fmt"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// noMoreNoNewPrivs is the version of systemd since which a system call filter does not set no_new_privs: before, what
// stands in impliesNoNewPrivs does for a service that does not run as root (systemd.exec(5), NoNewPrivileges=).
const noMoreNoNewPrivs = 255

var impliesNoNewPrivs = [...]string{
	"LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname", "ProtectKernelLogs",
	"ProtectKernelModules", "ProtectKernelTunables", "RestrictRealtime", "RestrictSUIDSGID",
	// These are lists.
	"RestrictAddressFamilies", "RestrictNamespaces", "SystemCallArchitectures", "SystemCallFilter", "SystemCallLog",
}

// obstacle is what in a runner's unit keeps its Workers from a _temp of their own.
type obstacle struct {
	check     string
	setting   string   // the lines that are to blame
	what, why string   // what they do, and what that leads to
	mend      []string // what a drop-in has to say
}

// obstacles looks for them. version is systemd's, 0 where it is not known.
func obstacles(r *Runner, version int) (out []obstacle) {
	u := &r.Unit
	userns := choices(r).userns
	var privs []string
	if r.UID != 0 && !userns && !ambient(u) {
		privs = noNewPrivs(u, version)
	}
	if len(privs) > 0 {
		o := obstacle{
			check: "no_new_privs", what: "which sets no_new_privs",
			why: "the file capability of worker-wrap counts for nothing, and sudo fails in jobs too",
		}
		var lines []string
		for _, key := range privs {
			lines = append(lines, said(u, key))
			o.mend = append(o.mend, key+"="+off(key))
		}
		if o.setting = strings.Join(lines, ", "); len(lines) > 1 {
			o.what = "each of which sets no_new_privs"
		}
		out = append(out, o)
	}
	service := func(key, what, mend string) {
		if mend != "" && !slices.Contains(privs, key) {
			out = append(out, obstacle{"service", said(u, key), what, "no process of this service may mount", []string{key + "=" + mend}})
		}
	}
	service("RestrictNamespaces", "which forbids mount namespaces", namespacesNeeded(u, userns))
	service("SystemCallFilter", "which does not allow the system calls of a mount", callsNeeded(u, r.UID == 0 || userns))
	if !userns && boundsSysAdmin(u) {
		service("CapabilityBoundingSet", "which leaves CAP_SYS_ADMIN out", "CAP_SYS_ADMIN")
	}
	return append(out, pathObstacles(r)...)
}

// noNewPrivs returns the settings of the unit that make systemd set no_new_privs.
func noNewPrivs(u *survey.Unit, version int) (out []string) {
	for _, key := range []string{"NoNewPrivileges", "DynamicUser"} {
		if on(u.Last(key)) {
			out = append(out, key)
		}
	}
	if version >= noMoreNoNewPrivs {
		return out
	}
	for _, key := range impliesNoNewPrivs {
		values := u.Values(key)
		set := len(values) > 0 && on(values[len(values)-1])
		if key == "RestrictNamespaces" {
			allowed := allowedNamespaces(values)
			set = len(allowed) < len(namespaceTypes)
		}
		if set {
			out = append(out, key)
		}
	}
	return out
}

// off is the value that takes a setting of noNewPrivs back.
func off(key string) string {
	switch key {
	case "SystemCallFilter", "SystemCallArchitectures", "SystemCallLog", "RestrictAddressFamilies":
		return ""
	}
	return "no"
}

// said is how the unit's files have a setting: their lines since the last that resets it, and the drop-in that has the
// last of them. What no file has is as systemd tells it.
func said(u *survey.Unit, key string) string {
	var lines []string
	from := ""
	for i, line := range u.Lines {
		if line.Key != key {
			continue
		}
		later := func(l survey.Line) bool { return l.Key == key }
		if line.Value == "" && slices.ContainsFunc(u.Lines[i+1:], later) {
			lines = nil
			continue
		}
		lines, from = append(lines, key+"="+line.Value), line.From
	}
	if len(lines) == 0 {
		for _, value := range u.Values(key) {
			lines = append(lines, key+"="+value)
		}
	}
	if len(lines) > 1 && off(key) == "no" && key != "RestrictNamespaces" {
		lines = lines[len(lines)-1:] // no list: the last one counts
	}
	text := strings.Join(lines, ", ")
	if slices.Contains(u.DropIns, from) {
		text += " (" + from + ")"
	}
	return text
}

// ambient reports whether the unit gives its processes CAP_SYS_ADMIN, which no_new_privs does not take away.
func ambient(u *survey.Unit) bool {
	return hasSysAdmin(u.Values("AmbientCapabilities"), false)
}

// boundsSysAdmin reports whether CapabilityBoundingSet= leaves out CAP_SYS_ADMIN.
func boundsSysAdmin(u *survey.Unit) bool {
	return !hasSysAdmin(u.Values("CapabilityBoundingSet"), true)
}

// hasSysAdmin follows the lines of a capability set, which begins with all capabilities or with none. An empty line makes
// it empty and "~" makes it whole; the first line replaces what it begins with (systemd.exec(5), CapabilityBoundingSet=).
func hasSysAdmin(lines []string, whole bool) bool {
	has, fresh := whole, true
	for _, line := range lines {
		rest, inverted := strings.CutPrefix(line, "~")
		names := strings.Fields(rest)
		named := slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, "CAP_SYS_ADMIN") })
		switch {
		case len(names) == 0:
			has, fresh = inverted, inverted == whole
			continue
		case fresh:
			has = named != inverted
		case named:
			has = !inverted
		}
		fresh = false
	}
	return has
}

// on reports whether a setting is neither missing nor false.
func on(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "no", "n", "false", "f", "off":
		return false
	}
	return true
}

// takenByService looks at the unit: as systemd has it in force, which counts from the next start of the service, or else as
// its files have it.
func takenByService(r *Runner, m survey.Machine) (out []Result) {
	all := obstacles(r, m.SystemdVersion)
	var mend []string // for all of them, in one file
	for i, o := range all {
		if i == 0 || !slices.Equal(o.mend, all[i-1].mend) {
			mend = append(mend, o.mend...)
		}
	}
	for _, o := range all {
		res := Result{
			Check: o.check, Level: Fail, What: fmt.Sprintf("the unit %s has %s, %s", r.Unit.Name, o.setting, o.what),
			Why: o.why, Mend: dropIn(&r.Unit, mend), ofUnit: true,
		}
		if o.check == "no_new_privs" && m.SystemdVersion == 0 && !on(r.Unit.Last("NoNewPrivileges")) && !on(r.Unit.Last("DynamicUser")) {
			if r.Listener != nil && !r.Listener.NoNewPrivs {
				continue // systemd is new enough
			}
			res.Level = Warn
			res.Why += fmt.Sprintf("; not so with systemd %d and later, and which one this is cannot be told", noMoreNoNewPrivs)
		}
		out = append(out, res)
	}
	if r.Unit.Reload {
		out = append(out, Result{
			Check: "service", Level: Warn, What: "the files of the unit " + r.Unit.Name + " have changed since systemd read them",
			Why: "what they say now is not in force, also after a restart of the runner", Mend: "sudo systemctl daemon-reload",
		})
	}
	if users := r.Unit.Last("PrivateUsers"); on(users) {
		out = append(out, Result{Check: "service", Level: OK, What: fmt.Sprintf("PrivateUsers=%s of the unit %s keeps what a job mounts inside the service, as it does without worker-wrap", users, r.Unit.Name)})
	}
	return out
}
