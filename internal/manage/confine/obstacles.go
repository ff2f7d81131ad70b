package confine

import (
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// NoMoreNoNewPrivs is the version of systemd since which a system call filter does not set no_new_privs: before, what
// stands in impliesNoNewPrivs does for a service that does not run as root (systemd.exec(5), NoNewPrivileges=).
const NoMoreNoNewPrivs = 255

var impliesNoNewPrivs = [...]string{
	"LockPersonality", "MemoryDenyWriteExecute", "PrivateDevices", "ProtectClock", "ProtectHostname", "ProtectKernelLogs",
	"ProtectKernelModules", "ProtectKernelTunables", "RestrictRealtime", "RestrictSUIDSGID",
	// These are lists.
	"RestrictAddressFamilies", "RestrictNamespaces", "SystemCallArchitectures", "SystemCallFilter", "SystemCallLog",
}

// Obstacle is what in a runner's unit keeps its Workers from a _temp of their own.
type Obstacle struct {
	Check     string
	Setting   string   // the lines that are to blame
	What, Why string   // what they do, and what that leads to
	Mend      []string // what a drop-in has to say
}

// Service is a runner's service.
type Service struct {
	Unit   systemd.Unit
	Layout runner.Layout
	UID    int    // whose the Workers are, -1 if that is not known
	Userns bool   // each has a user namespace
	Shim   string // the path of worker-wrap, "" if there is none
}

// Obstacles looks for them. version is systemd's, 0 if it is not known.
func (r *Service) Obstacles(version int) (out []Obstacle) {
	u := &r.Unit
	userns := r.Userns
	var privs []string
	if r.UID != 0 && !userns && !ambient(u) {
		privs = noNewPrivs(u, version)
	}
	if len(privs) > 0 {
		o := Obstacle{
			Check: "no_new_privs", What: "which sets no_new_privs",
			Why: "the file capability of worker-wrap counts for nothing, and sudo fails in jobs too",
		}
		var lines []string
		for _, key := range privs {
			lines = append(lines, said(u, key))
			o.Mend = append(o.Mend, key+"="+off(key))
		}
		if o.Setting = strings.Join(lines, ", "); len(lines) > 1 {
			o.What = "each of which sets no_new_privs"
		}
		out = append(out, o)
	}
	service := func(key, what, mend string) {
		if mend != "" && !slices.Contains(privs, key) {
			out = append(out, Obstacle{"service", said(u, key), what, "no process of this service may mount", []string{key + "=" + mend}})
		}
	}
	service("RestrictNamespaces", "which forbids mount namespaces", namespacesNeeded(u, userns))
	service("SystemCallFilter", "which does not allow the system calls of a mount", callsNeeded(u, r.UID == 0 || userns))
	if !userns && BoundsSysAdmin(u) {
		service("CapabilityBoundingSet", "which leaves CAP_SYS_ADMIN out", "CAP_SYS_ADMIN")
	}
	return append(out, r.pathObstacles()...)
}

// noNewPrivs returns the settings of the unit that make systemd set no_new_privs.
func noNewPrivs(u *systemd.Unit, version int) (out []string) {
	for _, key := range []string{"NoNewPrivileges", "DynamicUser"} {
		if On(u.Last(key)) {
			out = append(out, key)
		}
	}
	if version >= NoMoreNoNewPrivs {
		return out
	}
	for _, key := range impliesNoNewPrivs {
		values := u.Values(key)
		set := len(values) > 0 && On(values[len(values)-1])
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
func said(u *systemd.Unit, key string) string {
	var lines []string
	from := ""
	for i, line := range u.Lines {
		if line.Key != key {
			continue
		}
		later := func(l systemd.Line) bool { return l.Key == key }
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
func ambient(u *systemd.Unit) bool {
	return hasSysAdmin(u.Values("AmbientCapabilities"), false)
}

// Filtered reports whether the unit has systemd make a system call filter.
func Filtered(u *systemd.Unit) bool { return len(noNewPrivs(u, 0)) > 0 }

// BoundsSysAdmin reports whether CapabilityBoundingSet= leaves out CAP_SYS_ADMIN.
func BoundsSysAdmin(u *systemd.Unit) bool {
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

// On reports whether a setting is neither missing nor false.
func On(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "no", "n", "false", "f", "off":
		return false
	}
	return true
}
