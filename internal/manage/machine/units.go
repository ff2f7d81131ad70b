package machine

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/disk"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// units are the unit files that an install without a package puts into unitDir.
//
//go:embed units
var units embed.FS

const (
	unitDir         = "/etc/systemd/system"
	packagedunitDir = "/usr/lib/systemd/system"
	wants           = "paths.target.wants"
)

var unitNames = [...]string{"worker-wrap@.path", "worker-wrap@.service"}

// fitted names the binary by its place in a unit's text if systemd would not find it in its PATH (systemd.exec(5),
// ExecSearchPath=).
func (m Machine) fitted(text []byte) []byte {
	if m.Place() == m.packaged() || m.prefix() == m.Path(DefaultPrefix) {
		return text
	}
	place := strings.ReplaceAll(m.Place(), "%", "%%") // systemd starts no program that has a quote in its path
	return bytes.ReplaceAll(text, []byte("ExecStart="+program.Name+" "), []byte(`ExecStart="`+place+`" `))
}

// Enabled reports whether the path unit of the runner in root is enabled.
func (m Machine) Enabled(root string) bool {
	_, err := os.Lstat(m.Link(root))
	return err == nil
}

// Link is what enables the path unit of the runner in root.
func (m Machine) Link(root string) string {
	return filepath.Join(m.Path(unitDir), wants, systemd.PathUnitName(root))
}

// units is the same machine to who looks at its services.
func (m Machine) units() systemd.Machine { return systemd.Machine{Root: m.Root} }

// UnitTasks plans what makes systemd look after the runners' self-updates.
func (m Machine) UnitTasks(layouts []runner.Layout) ([]Task, error) {
	tasks, target, err := m.unitFileTasks()
	if err != nil {
		return nil, err
	}
	var unmask, start []Task
	var errs []error // of runners that do without
	unmasked := map[string]bool{}
	reload := false
	for _, l := range layouts {
		if err := watchable(l); err != nil {
			errs = append(errs, err)
			continue
		}
		drop, err := m.dropInTask(l)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, drop...)
		now := m.units().PathUnit(l.Root)
		for _, mask := range now.Masks {
			if !unmasked[mask] { // that of the template is found for each runner
				unmasked[mask] = true
				unmask = append(unmask, Task{"unmask " + now.Name + ": remove " + mask, func() error { return os.Remove(mask) }})
			}
		}
		link := m.Link(l.Root)
		to, _ := os.Readlink(link)
		if to != target {
			tasks = append(tasks, Task{"enable " + now.Name, func() error { return disk.ReplaceLink(target, link) }})
		}
		trouble := now.Trouble()
		reload = reload || now.Path.Reload || now.Service.Reload
		if to != target || trouble != "" {
			start = append(start, m.startTask(now))
		}
	}
	tasks = append(unmask, tasks...) // a file may be written where its mask was
	if len(tasks) > 0 || reload {
		tasks = append(tasks, m.reload())
	}
	return append(tasks, start...), errors.Join(errs...)
}

func (m Machine) reload() Task {
	return Task{"make systemd read its units again", func() error { return m.systemctl("daemon-reload") }}
}

// startTask starts a path unit, which has the runner looked at at once. What has failed too often is allowed to start.
func (m Machine) startTask(p systemd.PathUnit) Task {
	return Task{"start " + p.Name, func() error {
		_ = m.systemctl("reset-failed", p.Name, p.ServiceName()) // an error if they are not loaded
		return m.systemctl("restart", p.Name)
	}}
}

// unitFileTasks plans the unit files, and returns where the links that enable a path unit lead.
func (m Machine) unitFileTasks() (tasks []Task, target string, err error) {
	target = "../" + unitNames[0]
	for _, name := range unitNames {
		text, err := units.ReadFile("units/" + name)
		if err != nil {
			return nil, "", err
		}
		text = m.fitted(text)
		if shipped, err := os.ReadFile(filepath.Join(m.Path(packagedunitDir), name)); err == nil && bytes.Equal(shipped, text) {
			if name == unitNames[0] {
				target = filepath.Join(packagedunitDir, name)
			}
			continue
		}
		t, err := writeTask(filepath.Join(m.Path(unitDir), name), string(text))
		if err != nil {
			return nil, "", err
		}
		tasks = append(tasks, t...)
	}
	return tasks, target, nil
}

// writeTask plans a file with that text, if it has another.
func writeTask(path, text string) ([]Task, error) {
	now, err := os.ReadFile(path)
	if err == nil && string(now) == text {
		return nil, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return []Task{{"write " + path, func() error { return disk.Write(path, text) }}}, nil
}

// watchable refuses a runner that no unit can be made for.
func watchable(l runner.Layout) error {
	if len(systemd.PathUnitName(l.Root)) > 255 {
		return fmt.Errorf("%s: its path is too long for the name of a systemd unit; keep worker-wrap watch running instead", l.Root)
	}
	if strings.ContainsFunc(l.Root+l.Work, unicode.IsControl) { // .runner is the user's; the unit file is root's
		return fmt.Errorf("%q, work folder %q: systemd cannot look after paths with control characters; keep worker-wrap watch running instead", l.Root, l.Work)
	}
	return nil
}

// OutdatedUnits returns the unit files for that runner which are missing, or are not what an install writes.
func (m Machine) OutdatedUnits(l runner.Layout) []string {
	tasks, _, err := m.unitFileTasks()
	if err != nil || watchable(l) != nil {
		return nil
	}
	drop, err := m.dropInTask(l)
	if err != nil {
		return nil
	}
	var out []string
	for _, t := range append(tasks, drop...) {
		out = append(out, strings.TrimPrefix(t.What, "write "))
	}
	return out
}

// dropInTask plans the file that tells a runner's path unit where its work folder is.
func (m Machine) dropInTask(l runner.Layout) ([]Task, error) {
	if l.Work == filepath.Join(l.Root, "_work") {
		return nil, nil
	}
	return writeTask(m.dropIn(systemd.PathUnitName(l.Root)), dropInText(l))
}

func (m Machine) dropIn(name string) string {
	return filepath.Join(m.Path(unitDir), name+".d", "work.conf")
}

// dropInText tells a runner's path unit where its work folder is.
func dropInText(l runner.Layout) string {
	work := strings.ReplaceAll(l.Work, "%", "%%")
	return "[Path]\nPathChanged=" + work + "/" + runner.UpdateFolder + "\nPathChanged=" + work + "/" + runner.UpdateScript + "\n"
}

// UnitRemovals plans what makes systemd forget the runner in root.
func (m Machine) UnitRemovals(root string) []Task {
	var tasks []Task
	name := systemd.PathUnitName(root)
	link, drop, enabled := m.Link(root), m.dropIn(name), m.Enabled(root)
	if now := m.units().PathUnit(root); m.Systemd() && (enabled || now.Active() || now.Failed()) {
		tasks = append(tasks, Task{"stop " + name, func() error {
			err := m.systemctl("stop", name, now.ServiceName())
			_ = m.systemctl("reset-failed", name, now.ServiceName()) // else systemd keeps what has failed, and is degraded
			return err
		}})
	}
	if enabled {
		tasks = append(tasks, Task{"disable " + name, func() error {
			err := os.Remove(link)
			disk.RemoveEmpty(filepath.Dir(link)) // unless another unit is enabled there
			return err
		}})
	}
	return append(tasks, removal(drop, true)...)
}

// removal plans what removes a file, if it is there, and its folder too, unless something else is in it.
func removal(path string, folder bool) []Task {
	if _, err := os.Lstat(path); err != nil {
		return nil
	}
	return []Task{{"remove " + path, func() error {
		if err := os.Remove(path); err != nil {
			return err
		}
		if folder {
			disk.RemoveEmpty(filepath.Dir(path))
		}
		return nil
	}}}
}
