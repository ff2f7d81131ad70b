package survey

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/dockersocket"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// SettingsPrefix begins the name of each of worker-wrap's settings.
const SettingsPrefix = "WORKER_WRAP_"

// Variable is one that a runner's Workers are started with, or a setting that their starts read from a file.
type Variable struct {
	Name, Value string
	From        string // a file's path, or whose environment it is
}

// variables gathers those of one runner; of several for a name the first counts. The Listener lays .env over the
// environment that it was given, or if none runs that its unit will give it. Whatever it hands on comes before the files
// that each start reads.
func (s System) variables(l runner.Layout, listener *Process, u *systemd.Unit) (out []Variable, err error) {
	add := func(from string, lines ...string) { out = append(out, Assigned(from, lines...)...) }
	own := filepath.Join(l.Root, ".env")
	add(own, assignments(System{}.read(own))...)
	var names []string
	for _, v := range out {
		names = append(names, v.Name)
	}
	given := s.givenBy(u)
	if listener != nil {
		given = Assigned(fmt.Sprintf("the environment of the Listener (PID %d)", listener.PID), listener.Env...)
	}
	out = append(out, slices.DeleteFunc(given, func(v Variable) bool { return slices.Contains(names, v.Name) })...)
	out = slices.DeleteFunc(out, func(v Variable) bool { return v.From == own && v.Value == "" })
	for _, path := range s.settingsFiles(l) {
		lines, err := settings.Lines(path)
		if err != nil {
			return out, err
		}
		add(path, lines...)
	}
	return out, nil
}

// givenBy returns what a unit's files say that decides on Workers, the last of a name first. What EnvironmentFile= leads
// to comes after Environment= (systemd.exec(5)).
func (s System) givenBy(u *systemd.Unit) []Variable {
	var lines, files []Variable
	for _, line := range u.Lines {
		path := strings.TrimPrefix(line.Value, "-")
		switch {
		case line.Key == "Environment" && line.Value == "":
			lines = nil
		case line.Key == "Environment":
			lines = append(lines, Assigned(line.From, systemd.SplitWords(strings.ReplaceAll(line.Value, "%%", "%"))...)...)
		case line.Key == "EnvironmentFile" && path == "":
			files = nil
		case line.Key == "EnvironmentFile":
			for text := range strings.Lines(s.read(path)) {
				name, value, _ := strings.Cut(strings.TrimSpace(text), "=") // a comment has no name that decides
				files = append(files, Variable{strings.TrimSpace(name), strings.Join(systemd.SplitWords(value), " "), path})
			}
		}
	}
	out := slices.DeleteFunc(append(lines, files...), func(v Variable) bool { return !decides(v.Name) })
	slices.Reverse(out)
	return out
}

// decides reports whether a variable of that name says something of Docker, or to worker-wrap.
func decides(name string) bool {
	return slices.Contains(dockersocket.Variables[:], name) || slices.Contains(ofHooks[:], name) || strings.HasPrefix(name, SettingsPrefix)
}

// settingsFiles are those that each start of a runner's reads.
func (s System) settingsFiles(l runner.Layout) []string {
	return []string{filepath.Join(l.Root, settings.RunnerFile), s.path(settings.MachineFile)}
}

// hidden is the error of the first of them that a runner's user may not read.
func (s System) hidden(l runner.Layout, uid int) error {
	for _, path := range s.settingsFiles(l) {
		if at := users.HiddenBy(path, uid); at != "" {
			return &settings.ClosedError{Path: path, At: at}
		}
	}
	return nil
}

// Assigned takes lines NAME=VALUE apart.
func Assigned(from string, lines ...string) (out []Variable) {
	for _, line := range lines {
		if name, value, ok := strings.Cut(line, "="); ok {
			out = append(out, Variable{name, value, from})
		}
	}
	return out
}

// Env is what decides on a runner's Workers, as an environment: of several strings for a name the first counts.
func (r *Runner) Env() []string { return asEnv(r.Variables) }

// asEnv writes variables as an environment.
func asEnv(all []Variable) (out []string) {
	for _, v := range all {
		out = append(out, v.Name+"="+v.Value)
	}
	return out
}

// Setting returns the variable of that name that counts.
func (r *Runner) Setting(name string) (Variable, bool) { return first(r.Variables, name) }

// Chosen returns the one of a runner's settings that counts, by its name without [SettingsPrefix]. The error names a
// file that cannot be read.
func (s System) Chosen(l runner.Layout, name string) (Variable, bool, error) {
	listener := s.listener(s.Inside(l.Root))
	u := s.systemd().Named(s.service(l, listener, false))
	all, err := s.variables(l, listener, &u)
	v, ok := first(all, SettingsPrefix+name)
	return v, ok, err
}

func first(all []Variable, name string) (Variable, bool) {
	i := slices.IndexFunc(all, func(v Variable) bool { return v.Name == name })
	if i < 0 {
		return Variable{}, false
	}
	return all[i], true
}

// assignments reads a .env file as the Listener does (src/Runner.Listener/Program.cs, LoadAndSetEnv): each line that
// has something before a '=' sets a variable, and the last one counts. One without a value removes the variable, also
// from the Listener's environment. Each name is in the answer once.
func assignments(text string) []string {
	var out []string
	for line := range strings.Lines(strings.TrimPrefix(text, "\xef\xbb\xbf")) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok || name == "" {
			continue
		}
		out = slices.DeleteFunc(out, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		out = append(out, name+"="+value)
	}
	return out
}
