package systemd

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Unit is a runner's service.
type Unit struct {
	Name    string   // "" if the runner is no service
	Path    string   // the unit file, "" if it is not found
	DropIns []string // the drop-ins, in the order in which they count
	User    string
	// Asked is true if systemd has answered: Settings are in force then, and will be at the next start.
	Asked  bool
	Reload bool // its files have changed since systemd read them
	// Settings are those of its section [Service], in order: later ones add to, change or reset earlier ones.
	Settings []Setting
	Lines    []Line // the same as the files have them
}

// Setting is one setting of a unit.
type Setting struct{ Key, Value string }

// Line is one line of a unit's files.
type Line struct {
	Setting
	From string // the file
}

// Values returns what a setting is given, in order. An empty value often resets what came before.
func (u *Unit) Values(key string) (out []string) {
	for _, s := range u.Settings {
		if s.Key == key {
			out = append(out, s.Value)
		}
	}
	return out
}

// Last returns the value of a setting that has one, "" if it has none.
func (u *Unit) Last(key string) string {
	values := u.Values(key)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// unitFolders are where systemd looks, the first found counts (systemd.unit(5)).
var unitFolders = [...]string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// Named looks at the unit of this name, "" for none: systemd, if it runs and answers, tells its files and the settings in
// force.
func (m Machine) Named(name string) Unit {
	if name == "" {
		return Unit{}
	}
	u := Unit{Name: name}
	said := m.show(ofUnit, u.Name)
	if u.Asked = len(said) > 0 && said[0]["LoadState"] == "loaded"; u.Asked {
		u.Path, u.DropIns = said[0]["FragmentPath"], strings.Fields(said[0]["DropInPaths"])
		u.Reload = said[0]["NeedDaemonReload"] == "yes"
	} else {
		u.Path, u.DropIns = m.unitFiles(u.Name)
	}
	for _, path := range append([]string{u.Path}, u.DropIns...) {
		u.parse(path, m.read(path))
	}
	u.asWritten()
	if u.Asked {
		u.User = said[0]["User"]
		u.inForce(said[0])
	}
	return u
}

// ofUnit are the properties that a [Unit] is made of.
var ofUnit = append([]string{"LoadState", "FragmentPath", "DropInPaths", "NeedDaemonReload"}, Confining...)

// unitFiles returns the files of a unit as systemd would find them.
func (m Machine) unitFiles(name string) (path string, dropIns []string) {
	names := []string{name}
	if template, _, ok := strings.Cut(name, "@"); ok {
		names = append(names, template+"@.service")
	}
	for _, name := range names {
		for _, dir := range unitFolders {
			if at := filepath.Join(dir, name); path == "" && m.read(at) != "" {
				path = "/" + at
			}
		}
	}
	found := map[string]string{} // by file name: one of the same name in an earlier folder hides it
	for _, folder := range dropInFolders(name) {
		for _, dir := range slices.Backward(unitFolders[:]) {
			entries, err := os.ReadDir(m.path(filepath.Join(dir, folder)))
			if err != nil {
				continue
			}
			for _, e := range entries {
				if strings.HasSuffix(e.Name(), ".conf") {
					found[e.Name()] = "/" + filepath.Join(dir, folder, e.Name())
				}
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		dropIns = append(dropIns, found[name])
	}
	return path, dropIns
}

// dropInFolders are the folders of a unit's drop-ins, the most general one first: that of all services, those of each part
// of the name that a dash ends, and its own (systemd.unit(5)).
func dropInFolders(name string) []string {
	out := []string{"service.d"}
	for i, c := range name {
		if c == '-' {
			out = append(out, name[:i+1]+".service.d")
		}
	}
	if template, _, ok := strings.Cut(name, "@"); ok {
		out = append(out, template+"@.service.d")
	}
	return append(out, name+".d")
}

// parse reads the sections [Service] of one file.
func (u *Unit) parse(path, text string) {
	section := ""
	bare := strings.TrimSuffix(u.Name, ".service")
	prefix, instance, _ := strings.Cut(bare, "@")
	expand := strings.NewReplacer("%%", "%%", "%n", u.Name, "%N", bare, "%p", prefix, "%i", instance)
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
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
		u.Lines = append(u.Lines, Line{Setting{key, expand.Replace(value)}, path})
	}
}

// asWritten takes the settings that the files have.
func (u *Unit) asWritten() {
	for _, line := range u.Lines {
		u.Settings = append(u.Settings, line.Setting)
	}
	u.User = u.Last("User")
}

// Confining are the settings that decide what a process of a service may do and see: a start that is tried is given them.
var Confining = []string{
	"User", "Group", "SupplementaryGroups", "UMask",
	"NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities", "SecureBits", "DynamicUser",
	"LockPersonality", "MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID", "RestrictNamespaces",
	"RestrictAddressFamilies", "SystemCallFilter", "SystemCallErrorNumber", "SystemCallArchitectures", "SystemCallLog",
	"PrivateDevices", "PrivateMounts", "PrivateTmp", "PrivateUsers", "ProcSubset", "ProtectProc", "ProtectClock",
	"ProtectControlGroups", "ProtectHostname", "ProtectKernelLogs", "ProtectKernelModules", "ProtectKernelTunables",
	"ProtectHome", "ProtectSystem", "ReadOnlyPaths", "ReadWritePaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths",
	"TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths", "RootDirectory", "RootImage",
	"StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory", "AppArmorProfile", "SELinuxContext",
}

// implied are those that DynamicUser= sets, too (systemd.exec(5)).
var implied = []string{"NoNewPrivileges", "RestrictSUIDSGID", "ProtectSystem", "ProtectHome", "PrivateTmp"}

// inForce puts what systemd says in the place of what the files say, of each setting that they name.
func (u *Unit) inForce(said map[string]string) {
	var out []Setting
	var seen []string
	take := func(key string, lines []Setting) {
		if slices.Contains(seen, key) {
			return
		}
		seen = append(seen, key)
		value, told := said[key]
		switch {
		case !told || !slices.Contains(Confining, key):
			out = append(out, lines...)
		case value == "~": // as an empty list that denies is shown
			out = append(out, Setting{key, ""})
		case key == "SystemCallErrorNumber" && value == "2147483646": // as "kill" is shown, and what is set by nobody
			out = append(out, Setting{key, "kill"})
		default:
			out = append(out, Setting{key, value})
		}
	}
	for _, s := range u.Settings {
		var lines []Setting
		for _, value := range u.Values(s.Key) {
			lines = append(lines, Setting{s.Key, value})
		}
		take(s.Key, lines)
	}
	more := implied
	if u.Reload {
		more = Confining
	}
	for _, key := range more {
		if u.Reload || said["DynamicUser"] == "yes" {
			take(key, nil)
		}
	}
	u.Settings = out
}
