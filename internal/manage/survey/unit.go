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
	Name     string // "" where the runner is no service (svc.sh install writes <root>/.service)
	Path     string // the unit file, "" where it is not found
	User     string
	Settings []Setting // of its section [Service], in order: later ones add to, change or reset earlier ones
}

// Setting is one line of a unit.
type Setting struct{ Key, Value string }

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
	for _, folder := range dropInFolders(u.Name) {
		for _, dir := range slices.Backward(unitFolders[:]) {
			entries, err := os.ReadDir(s.path(filepath.Join(dir, folder)))
			if err != nil {
				continue
			}
			for _, e := range entries {
				if strings.HasSuffix(e.Name(), ".conf") {
					dropIns[e.Name()] = filepath.Join(dir, folder, e.Name())
				}
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

// dropInFolders are the folders of a unit's drop-ins, the most general one first: that of all services, those of each part
// of the name that a dash ends, and its own (systemd.unit(5)).
func dropInFolders(name string) []string {
	out := []string{"service.d"}
	for i, c := range name {
		if c == '-' {
			out = append(out, name[:i+1]+".service.d")
		}
	}
	return append(out, name+".d")
}

// parse reads the [Service] sections of a unit's files, in order.
func (u *Unit) parse(texts []string) {
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
			u.Settings = append(u.Settings, Setting{key, value})
		}
	}
	u.User = u.Last("User")
}
