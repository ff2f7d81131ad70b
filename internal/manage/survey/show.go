package survey

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

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
func (s System) show(properties []string, units ...string) []map[string]string {
	if s.Root != "" || !s.exists("run/systemd/system") || len(units) == 0 {
		return nil
	}
	if s.once != nil {
		var known []map[string]string
		for _, name := range units {
			if said := s.once.shown[name]; said != nil {
				known = append(known, said)
			}
		}
		if len(known) == len(units) {
			return known
		}
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
