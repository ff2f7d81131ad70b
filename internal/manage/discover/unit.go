package discover

import (
	"path/filepath"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// units takes the runners that unit files lead to: those svc.sh names, actions.runner.*.service, and
// those of any name that start a runner's own scripts.
func (s *search) units(dir string) {
	paths, _ := filepath.Glob(s.path(dir) + "/*.service")
	for _, path := range paths {
		text := untrusted.Text(path)
		name := filepath.Base(path)
		if !strings.HasPrefix(name, "actions.runner.") && !startsRunner(text) {
			continue
		}
		u := parse(text)
		if !filepath.IsAbs(u.root) {
			continue
		}
		s.add(s.path(u.root), Found{Unit: name, User: u.user, From: path})
	}
}

// Service returns the unit that starts the runner in root, and its User=, by the unit files of the machine at fsroot.
// root is a path without links; both are "" if no unit does. Those files are root's, and a runner's .service is not.
func Service(fsroot, root string) (name, user string) {
	s := search{fsroot: fsroot, seen: map[string]bool{}}
	for _, dir := range unitFolders {
		s.units(dir)
	}
	for _, f := range s.found {
		if f.Layout.Root == root {
			return f.Unit, f.User
		}
	}
	return "", ""
}

// startsRunner reports whether a unit's text names one of the scripts that run a Listener.
func startsRunner(text string) bool {
	for _, script := range [...]string{"/runsvc.sh", "/runsvc-worker-wrap.sh", "/run.sh"} {
		if strings.Contains(text, script) {
			return true
		}
	}
	return false
}

type unit struct{ root, user string }

// parse reads where a unit's runner is: its WorkingDirectory=, as in upstream's
// actions.runner.service.template, else the folder of the script in ExecStart=.
func parse(text string) unit {
	var dir, start, user string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = unquote(strings.TrimSpace(value))
		switch strings.TrimSpace(key) {
		case "WorkingDirectory":
			dir = strings.TrimPrefix(value, "-")
		case "ExecStart":
			start = strings.TrimLeft(value, "-@:+!")
		case "User":
			user = value
		}
	}
	if dir == "" {
		// A path with blanks is quoted, and then unquote has taken it whole.
		script, _, _ := strings.Cut(start, ".sh")
		dir = filepath.Dir(script)
	}
	return unit{filepath.Clean(dir), user}
}

func unquote(value string) string {
	if len(value) > 1 && value[0] == value[len(value)-1] && strings.ContainsRune(`"'`, rune(value[0])) {
		return value[1 : len(value)-1]
	}
	return value
}
