package install

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

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// units are the unit files that an install without a package puts into unitDir.
//
//go:embed units
var units embed.FS

const (
	unitDir         = "/etc/systemd/system"
	packagedUnitDir = "/usr/lib/systemd/system"
	wants           = "paths.target.wants"
)

var unitNames = [...]string{"worker-wrap@.path", "worker-wrap@.service"}

// fitted names the binary by its place in a unit's text where systemd would not find it in its PATH
// (systemd.exec(5), ExecSearchPath=).
func (m Machine) fitted(text []byte) []byte {
	switch m.prefix() {
	case m.path("/usr"), m.path(DefaultPrefix):
		return text
	}
	place := strings.ReplaceAll(m.Place(), "%", "%%") // systemd starts no program that has a quote in its path
	return bytes.ReplaceAll(text, []byte("ExecStart="+binaryName+" "), []byte(`ExecStart="`+place+`" `))
}

// instance is the name of the path unit that looks after the runner in root.
func instance(root string) string { return "worker-wrap@" + unit.UnitNamePathEscape(root) + ".path" }

// unitTasks plans what makes systemd look after the runners' self-updates.
func (m Machine) unitTasks(layouts []runner.Layout) ([]task, error) {
	var tasks []task
	changed := false
	target := "../" + unitNames[0]
	write := func(path, text string) error {
		now, err := os.ReadFile(path)
		if err == nil && string(now) == text {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		changed = true
		tasks = append(tasks, task{"write " + path, func() error { return writeFile(path, text) }})
		return nil
	}
	for _, name := range unitNames {
		text, err := units.ReadFile("units/" + name)
		if err != nil {
			return nil, err
		}
		text = m.fitted(text)
		if shipped, err := os.ReadFile(filepath.Join(m.path(packagedUnitDir), name)); err == nil && bytes.Equal(shipped, text) {
			if name == unitNames[0] {
				target = filepath.Join(packagedUnitDir, name)
			}
			continue
		}
		if err := write(filepath.Join(m.path(unitDir), name), string(text)); err != nil {
			return nil, err
		}
	}
	var start []task
	var errs []error // of runners that do without
	for _, l := range layouts {
		name := instance(l.Root)
		if len(name) > 255 {
			errs = append(errs, fmt.Errorf("%s: its path is too long for the name of a systemd unit; keep worker-wrap watch running instead", l.Root))
			continue
		}
		if strings.ContainsFunc(l.Root+l.Work, unicode.IsControl) { // .runner is the user's; the unit file is root's
			errs = append(errs, fmt.Errorf("%q, work folder %q: systemd cannot look after paths with control characters; keep worker-wrap watch running instead", l.Root, l.Work))
			continue
		}
		if l.Work != filepath.Join(l.Root, "_work") {
			if err := write(m.dropIn(name), dropInText(l)); err != nil {
				return nil, err
			}
		}
		link := filepath.Join(m.path(unitDir), wants, name)
		if to, _ := os.Readlink(link); to == target {
			continue
		}
		changed = true
		tasks = append(tasks, task{"enable " + name, func() error { return replaceLink(target, link) }})
		start = append(start, task{"start " + name, func() error { return m.systemctl("restart", name) }})
	}
	if changed {
		tasks = append(tasks, task{"make systemd read its units again", func() error { return m.systemctl("daemon-reload") }})
	}
	return append(tasks, start...), errors.Join(errs...)
}

func (m Machine) dropIn(name string) string {
	return filepath.Join(m.path(unitDir), name+".d", "work.conf")
}

// dropInText tells a runner's path unit where its work folder is.
func dropInText(l runner.Layout) string {
	work := strings.ReplaceAll(l.Work, "%", "%%")
	return "[Path]\nPathChanged=" + work + "/" + UpdateFolder + "\nPathChanged=" + work + "/" + UpdateScript + "\n"
}

// unitRemovals plans what makes systemd forget the runner in root.
func (m Machine) unitRemovals(root string) []task {
	var tasks []task
	name := instance(root)
	link, drop := filepath.Join(m.path(unitDir), wants, name), m.dropIn(name)
	if _, err := os.Lstat(link); err == nil {
		if m.systemd() {
			service := strings.TrimSuffix(name, ".path") + ".service"
			tasks = append(tasks, task{"stop " + name, func() error { return m.systemctl("stop", name, service) }})
		}
		tasks = append(tasks, task{"disable " + name, func() error { return os.Remove(link) }})
	}
	if _, err := os.Lstat(drop); err == nil {
		tasks = append(tasks, task{"remove " + drop, func() error {
			if err := os.Remove(drop); err != nil {
				return err
			}
			_ = os.Remove(filepath.Dir(drop)) // unless somebody has put something else there
			return nil
		}})
	}
	return tasks
}
