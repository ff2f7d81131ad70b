package systemd

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// PathUnit is the unit that starts a watch when a runner updates itself: what an install makes for each runner.
type PathUnit struct {
	Name    string
	Enabled bool     // the machine starts it
	Masks   []string // the files that mask it or its service (systemctl(1), mask)
	Asked   bool     // systemd has answered, so that the rest is known
	Path    UnitState
	Service UnitState // of the watch that it starts
}

// UnitState is what systemd says of a unit it has loaded (org.freedesktop.systemd1(5)).
type UnitState struct {
	Load, Active, Result string
	Reload               bool // its files have changed since systemd read them
}

// PathUnit looks at the path unit of the runner in root.
func (m Machine) PathUnit(root string) PathUnit {
	p := PathUnit{Name: PathUnitName(root)}
	instance := strings.TrimSuffix(p.Name, ".path")
	_, err := os.Lstat(m.path("etc/systemd/system/paths.target.wants/" + p.Name))
	p.Enabled = err == nil
	for _, kind := range []string{".path", ".service"} {
		p.Masks = append(p.Masks, m.masks(instance+kind, "worker-wrap@"+kind)...)
	}
	m.ask(&p)
	return p
}

// PathUnitName is the name of the path unit of the runner in root.
func PathUnitName(root string) string {
	return "worker-wrap@" + unit.UnitNamePathEscape(root) + ".path"
}

// masks returns the files that mask a unit which has these names: links to /dev/null, and empty files. The first file
// found of a unit counts, so what comes after one that is no mask has no effect.
func (m Machine) masks(names ...string) (out []string) {
	for _, name := range names {
		for _, dir := range unitFolders {
			path := m.path(filepath.Join(dir, name))
			st, err := os.Lstat(path)
			if err != nil {
				continue
			}
			to, _ := os.Readlink(path)
			if to != os.DevNull && (!st.Mode().IsRegular() || st.Size() > 0) {
				return out
			}
			out = append(out, path)
		}
	}
	return out
}

// ofState are the properties that a [UnitState] is made of.
var ofState = []string{"LoadState", "ActiveState", "Result", "NeedDaemonReload"}

// ask has systemd tell the state of the two units.
func (m Machine) ask(p *PathUnit) {
	if found := m.show(ofState, p.Name, p.ServiceName()); found != nil {
		p.Path, p.Service, p.Asked = stateOf(found[0]), stateOf(found[1]), true
	}
}

func stateOf(unit map[string]string) UnitState {
	return UnitState{unit["LoadState"], unit["ActiveState"], unit["Result"], unit["NeedDaemonReload"] == "yes"}
}

// ServiceName is the unit of the watch that it starts.
func (p *PathUnit) ServiceName() string { return strings.TrimSuffix(p.Name, ".path") + ".service" }

// Wanted reports whether somebody has set the unit up, well or not.
func (p *PathUnit) Wanted() bool {
	return p.Enabled || len(p.Masks) > 0 || p.Active() || p.Path.failed()
}

// Active reports whether systemd watches the runner by it now.
func (p *PathUnit) Active() bool { return p.Path.Active == "active" }

// Failed reports whether the unit has failed, or the watch that it started.
func (p *PathUnit) Failed() bool { return p.Path.failed() || p.Service.failed() }

// Trouble says what keeps the unit from its work, "" if nothing does.
func (p *PathUnit) Trouble() string {
	switch {
	case len(p.Masks) > 0:
		return "is masked by " + strings.Join(p.Masks, " and ")
	case !p.Enabled:
		return "is not enabled, so that it does not start with the machine"
	case !p.Asked:
		return ""
	case p.Path.Reload || p.Service.Reload:
		return "has files that changed since systemd read them"
	case p.Path.Load != "loaded":
		return "cannot be loaded by systemd (" + p.Path.Load + ")"
	case p.Service.Load != "loaded":
		return "starts a service that cannot be loaded by systemd (" + p.Service.Load + ")"
	case p.Path.failed():
		return "has failed (" + p.Path.Result + ")"
	case !p.Active():
		return "is stopped"
	case p.Service.failed():
		return "starts a watch that has failed (" + p.Service.Result + ")"
	}
	return ""
}

func (u UnitState) failed() bool { return u.Active == "failed" }
