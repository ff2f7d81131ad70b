package discover

import (
	"path/filepath"
	"slices"
	"strings"

	sdunit "github.com/coreos/go-systemd/v22/unit"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Service is a unit whose file says that it starts a runner: one that svc.sh names, actions.runner.*.service, or one of any
// name that starts a runner's own programs. It may be a template. Such files are root's, and a runner's .service is not.
type Service struct {
	name, path string
	unit
}

// Services lists all of the machine at fsroot.
func Services(fsroot string) (out []Service) {
	for _, dir := range unitFolders {
		paths, _ := filepath.Glob(filepath.Join("/", fsroot, dir, "*.service"))
		for _, path := range paths {
			text := untrusted.Text(path)
			name := filepath.Base(path)
			if strings.HasPrefix(name, "actions.runner.") || startsRunner(text) {
				out = append(out, Service{name, path, parse(text)})
			}
		}
	}
	return out
}

// Starting names the services of the machine at fsroot that start the runner in root, a path without links.
func Starting(all []Service, fsroot, root string) (names []string) {
	s := search{fsroot: fsroot}
	for _, of := range all {
		for _, at := range of.roots {
			name, at := of.instance(at, root)
			real, err := resolved(s.path(at))
			if err == nil && real == root && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// instance names the one of a template that has the last part of at which holds %i or %I in root. systemd need not have
// heard of that yet. An instance whose name would have to be escaped is not found. The path is that of at, expanded.
func (s Service) instance(at, root string) (name, path string) {
	template, is := strings.CutSuffix(s.name, "@.service")
	if !is {
		return s.name, at
	}
	pattern := strings.ReplaceAll(at, "%I", "%i") // the same but for dashes (systemd.unit(5), Specifiers)
	parts, real := strings.Split(pattern, "/"), strings.Split(root, "/")
	for i, part := range slices.Backward(parts) {
		before, after, has := strings.Cut(part, "%i")
		if j := len(real) - len(parts) + i; has && j > 0 && len(real[j]) > len(before)+len(after) {
			instance := strings.TrimSuffix(strings.TrimPrefix(real[j], before), after)
			plain := instance
			if pattern == at {
				plain = strings.ReplaceAll(instance, "-", "_")
			}
			if sdunit.UnitNameEscape(plain) == plain {
				return template + "@" + instance + ".service", strings.ReplaceAll(pattern, "%i", instance)
			}
		}
	}
	return s.name, at
}

// units takes the runners that unit files lead to.
func (s *search) units() {
	for _, of := range Services(s.fsroot) {
		for _, root := range of.roots {
			s.add(s.path(root), Found{Unit: of.name, User: of.user, From: of.path})
		}
	}
}

// startsRunner reports whether a unit's text names one of the programs that are a Listener, or run one.
func startsRunner(text string) bool {
	for _, program := range [...]string{"/runsvc.sh", "/runsvc-worker-wrap.sh", "/run.sh", "/bin/" + runner.ListenerName} {
		if strings.Contains(text, program) {
			return true
		}
	}
	return false
}

// unit is what a unit says of its runner. roots are where that may be.
type unit struct {
	roots []string
	user  string
}

// parse reads where a unit's runner may be: its WorkingDirectory=, as in upstream's actions.runner.service.template, the
// folder of the script in ExecStart=, and each path there (sh -c 'cd /path && exec ./run.sh').
func parse(text string) (u unit) {
	var dir, start string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		value = strings.TrimSpace(value)
		switch strings.TrimSpace(key) {
		case "WorkingDirectory":
			dir = strings.TrimPrefix(unquote(value), "-")
		case "ExecStart":
			start = value
		case "User":
			u.user = unquote(value)
		}
	}
	add := func(path string) {
		if path = filepath.Clean(path); filepath.IsAbs(path) && !slices.Contains(u.roots, path) {
			u.roots = append(u.roots, path)
		}
	}
	add(dir)
	start = strings.TrimLeft(unquote(start), "-@:+!")
	// A path with blanks is quoted, and then unquote has taken it whole.
	script, _, _ := strings.Cut(start, ".sh")
	add(filepath.Dir(script))
	for _, word := range strings.FieldsFunc(start, func(c rune) bool { return strings.ContainsRune(" \t'\";&", c) }) {
		add(word)
		add(filepath.Dir(word))
		add(strings.TrimSuffix(word, "/bin/"+runner.ListenerName))
	}
	return u
}

func unquote(value string) string {
	if len(value) > 1 && value[0] == value[len(value)-1] && strings.ContainsRune(`"'`, rune(value[0])) {
		return value[1 : len(value)-1]
	}
	return value
}
