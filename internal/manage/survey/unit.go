package survey

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// Unit is a runner's service as systemd's files have it.
type Unit struct {
	Name string // "" where the runner is no service (svc.sh install writes <root>/.service)
	Path string // the unit file, "" where it is not found
	User string
	// NoNewPrivs names the setting that makes systemd set no_new_privs, "" if there is none.
	NoNewPrivs string
	// Forbids names a setting that forbids mount namespaces whatever the privilege, "" if there is none.
	Forbids string
}

// unitFolders are where systemd looks, the first found counts (systemd.unit(5)).
var unitFolders = [...]string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// Unit reads the unit of the runner in root and its drop-ins.
func (s System) Unit(root string) Unit {
	u := Unit{Name: runner.UnitName(s.read(filepath.Join(root, runner.ServiceName)))}
	if u.Name == "" {
		return Unit{}
	}
	var texts []string
	for _, dir := range unitFolders {
		if text := s.read(filepath.Join(dir, u.Name)); text != "" {
			u.Path, texts = "/"+filepath.Join(dir, u.Name), []string{text}
			break
		}
	}
	dropIns := map[string]string{} // by file name: one of the same name in an earlier folder hides it
	for _, dir := range slices.Backward(unitFolders[:]) {
		entries, err := os.ReadDir(s.path(filepath.Join(dir, u.Name+".d")))
		if err != nil {
			continue
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".conf") {
				dropIns[e.Name()] = filepath.Join(dir, u.Name+".d", e.Name())
			}
		}
	}
	names := make([]string, 0, len(dropIns))
	for name := range dropIns {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		texts = append(texts, s.read(dropIns[name]))
	}
	u.parse(texts)
	return u
}

// impliesNoNewPrivs are the settings that imply NoNewPrivileges=yes for a service that does not run as
// root (systemd.exec(5), NoNewPrivileges=).
var impliesNoNewPrivs = [...]string{
	"NoNewPrivileges", "SystemCallFilter", "SystemCallArchitectures", "SystemCallLog", "RestrictAddressFamilies",
	"RestrictNamespaces", "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs",
	"ProtectClock", "ProtectHostname", "MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID",
	"LockPersonality", "DynamicUser",
}

// parse reads the [Service] sections of a unit's files, in order.
func (u *Unit) parse(texts []string) {
	values := map[string]string{}
	for _, text := range texts {
		section := ""
		text = strings.ReplaceAll(text, "\\\n", " ")
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "[") {
				section = line
				continue
			}
			key, value, ok := strings.Cut(line, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
			if section != "[Service]" || !ok || strings.HasPrefix(key, "#") || strings.HasPrefix(key, ";") {
				continue
			}
			if isList(key) && value != "" && values[key] != "" {
				value = values[key] + " " + value // lists add up, and an empty value clears them
			}
			values[key] = value
		}
	}
	u.User = values["User"]
	set := func(key string) string { return key + "=" + values[key] }
	for _, key := range impliesNoNewPrivs {
		if on(values[key]) && (key == "NoNewPrivileges" || u.User != "" && u.User != "root") {
			u.NoNewPrivs = set(key)
			break
		}
	}
	switch namespaces := values["RestrictNamespaces"]; {
	case on(namespaces) && !allowsMount(namespaces):
		u.Forbids = set("RestrictNamespaces")
	case boundsSysAdmin(values["CapabilityBoundingSet"]):
		u.Forbids = set("CapabilityBoundingSet")
	case strings.Contains(values["SystemCallFilter"], "~") && strings.Contains(values["SystemCallFilter"], "@mount"):
		u.Forbids = set("SystemCallFilter")
	}
}

func isList(key string) bool {
	return key == "SystemCallFilter" || key == "CapabilityBoundingSet" || key == "RestrictAddressFamilies" || key == "RestrictNamespaces"
}

// on reports whether a setting is neither missing nor false.
func on(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "no", "n", "false", "f", "off":
		return false
	}
	return true
}

// allowsMount reads RestrictNamespaces=: a list of those allowed, or with ~ of those forbidden.
func allowsMount(value string) bool {
	rest, inverted := strings.CutPrefix(value, "~")
	return inverted != slices.Contains(strings.Fields(rest), "mnt")
}

// boundsSysAdmin reports whether CapabilityBoundingSet= leaves out CAP_SYS_ADMIN.
func boundsSysAdmin(value string) bool {
	if value == "" {
		return false
	}
	rest, inverted := strings.CutPrefix(value, "~")
	return inverted == slices.Contains(strings.Fields(rest), "CAP_SYS_ADMIN")
}
