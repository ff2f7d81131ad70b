package systemd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Machine is the machine whose services are looked at: the zero value is this one. In tests Root is a folder with an etc
// and so on, and systemd is not asked.
type Machine struct {
	Root string
	said map[string]map[string]string // what systemd says of units that it was asked about once
}

func (m Machine) path(p string) string { return filepath.Join("/", m.Root, p) }

// read returns the first 64 KiB of a regular file, "" if it cannot be read.
func (m Machine) read(p string) string { return untrusted.Text(m.path(p)) }

// Runs reports whether systemd runs the machine (sd_booted(3)).
func (m Machine) Runs() bool {
	st, err := os.Lstat(m.path("run/systemd/system"))
	return err == nil && st.IsDir()
}

// answers reports whether there is a systemd to ask.
func (m Machine) answers() bool { return m.Root == "" && m.Runs() }

// Once returns the machine with what systemd says of these units, and of the path units of runners in these roots. It is
// asked once.
func (m Machine) Once(units, roots []string) Machine {
	for _, root := range roots {
		path := PathUnit{Name: PathUnitName(root)}
		units = append(units, path.Name, path.ServiceName())
	}
	slices.Sort(units)
	units = slices.Compact(units)
	said := map[string]map[string]string{}
	for i, of := range m.show(slices.Concat(ofUnit, ofState), units...) {
		said[units[i]] = of
	}
	m.said = said
	return m
}

// asked is how long systemd may take to answer.
const asked = 10 * time.Second

// systemctl asks systemd. An ordinary user is answered through D-Bus only.
func systemctl(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), asked)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", args...).Output()
	return string(out), err
}

// show has systemd tell properties of units: a map for each unit, in their order, or none if it does not answer.
func (m Machine) show(properties []string, units ...string) []map[string]string {
	if !m.answers() || len(units) == 0 {
		return nil
	}
	var known []map[string]string
	for _, name := range units {
		if said := m.said[name]; said != nil {
			known = append(known, said)
		}
	}
	if len(known) == len(units) {
		return known
	}
	args := append([]string{"show", "--property=" + strings.Join(properties, ","), "--"}, units...)
	out, err := systemctl(args...)
	if err != nil {
		return nil
	}
	if found := parseShow(out); len(found) == len(units) {
		return found
	}
	return nil
}

// parseShow reads what systemctl show prints: NAME=VALUE lines, and an empty one between two units.
func parseShow(text string) (out []map[string]string) {
	for block := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		unit := map[string]string{}
		for line := range strings.Lines(block) {
			if name, v, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
				unit[name] = v
			}
		}
		if len(unit) > 0 {
			out = append(out, unit)
		}
	}
	return out
}

// Version is the first number of systemd's version, 0 if it is not known. The running systemd is asked, which an ordinary user may do through D-Bus, or the command that came with it.
func (m Machine) Version() int {
	if !m.answers() {
		return 0
	}
	for _, args := range [][]string{{"show", "--property=Version", "--value"}, {"--version"}} {
		out, err := systemctl(args...)
		if version := parseVersion(out); err == nil && version > 0 {
			return version
		}
	}
	return 0
}

// parseVersion takes "257.8-1~deb13u2", or the longer text "systemd 257 (…)".
func parseVersion(text string) int {
	text = strings.TrimPrefix(strings.TrimSpace(text), "systemd ")
	end := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if end >= 0 {
		text = text[:end]
	}
	version, _ := strconv.Atoi(text)
	return version
}
