package doctor

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// pathRule is what a unit says of a path and of what lies below, unless another rule is nearer.
type pathRule struct {
	path, key, value string // value is the word or line that says so
}

// What the keys of rules make of a path. A rule that hides goes before one that makes read-only for the same path, and that
// before one that makes writable, as systemd has it (src/core/namespace.c, mount_path_compare).
var (
	hiding    = []string{"InaccessiblePaths", "TemporaryFileSystem", "ProtectHome"}
	readOnly  = []string{"ReadOnlyPaths", "ProtectSystem", "BindReadOnlyPaths"}
	writable  = []string{"ReadWritePaths", "BindPaths", "PrivateTmp", "StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory"}
	noExec    = []string{"NoExecPaths"}
	canExec   = []string{"ExecPaths"}
	pathLists = []string{"InaccessiblePaths", "ReadOnlyPaths", "ReadWritePaths", "NoExecPaths", "ExecPaths"}
)

// pathObstacles looks whether the work folder can be written and the installed binary run in the unit's view.
func pathObstacles(r *Runner) (out []obstacle) {
	u := &r.Unit
	add := func(rule *pathRule, what, why string, mend ...string) {
		out = append(out, obstacle{"service", rule.key + "=" + rule.value, what, why, mend})
	}
	rules := pathRules(u)
	if rule := nearest(rules, r.Layout.Work, hiding, readOnly, writable); rule != nil && slices.Contains(readOnly, rule.key) {
		path := r.Layout.Work
		if at := nearest(rules, r.Layout.Root, hiding, readOnly, writable); at != nil && slices.Contains(readOnly, at.key) && below(path, r.Layout.Root) {
			path = r.Layout.Root
		}
		mend := []string{"ReadWritePaths=" + unitWord(path)}
		if rule.path == path && rule.key == "ReadOnlyPaths" {
			mend = without(u, rule)
		}
		add(rule, "which makes the work folder "+r.Layout.Work+" read-only", "no job can run there, and no Worker have a _temp of its own", mend...)
	}
	if r.Shim.Path == "" {
		return out
	}
	dir := filepath.Dir(r.Shim.Path)
	if rule := nearest(rules, r.Shim.Path, hiding, readOnly, writable); rule != nil && slices.Contains(hiding, rule.key) {
		mend := []string{"BindReadOnlyPaths=" + unitWord(dir)}
		switch {
		case rule.key == "InaccessiblePaths":
			mend = without(u, rule)
		case rule.key == "ProtectHome" && rule.value != "tmpfs":
			mend = []string{"ProtectHome=read-only"}
		}
		add(rule, "which hides worker-wrap itself, "+r.Shim.Path, "no job can start", mend...)
	}
	if rule := nearest(rules, r.Shim.Path, noExec, canExec); rule != nil && rule.key == "NoExecPaths" {
		mend := []string{"ExecPaths=" + unitWord(dir)}
		if below(rule.path, dir) {
			mend = without(u, rule)
		}
		add(rule, "which forbids to run worker-wrap itself, "+r.Shim.Path, "no job can start", mend...)
	}
	return out
}

// nearest returns the rule for a path: the one for the longest part of it, and of those for the same part the first kind's.
func nearest(rules []pathRule, path string, kinds ...[]string) (out *pathRule) {
	for _, keys := range kinds {
		for i := range rules {
			if rule := &rules[i]; slices.Contains(keys, rule.key) && below(path, rule.path) && (out == nil || len(rule.path) > len(out.path)) {
				out = rule
			}
		}
	}
	return out
}

// below reports whether path is dir or lies in it.
func below(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// pathRules reads them from a unit.
func pathRules(u *survey.Unit) (out []pathRule) {
	add := func(key, value string, paths ...string) {
		for _, path := range paths {
			out = append(out, pathRule{path, key, value})
		}
	}
	switch system := strings.ToLower(u.Last("ProtectSystem")); {
	case system == "strict":
		add("ProtectSystem", "strict", "/")
	case on(system):
		add("ProtectSystem", system, "/usr", "/boot", "/efi")
		if system == "full" {
			add("ProtectSystem", system, "/etc")
		}
	}
	if home := strings.ToLower(u.Last("ProtectHome")); home != "read-only" && on(home) {
		add("ProtectHome", home, "/home", "/root", "/run/user")
	} else if on(home) {
		out = append(out, pathRule{"/home", "ReadOnlyPaths", home}, pathRule{"/root", "ReadOnlyPaths", home})
	}
	if on(u.Last("PrivateTmp")) {
		add("PrivateTmp", "yes", "/tmp", "/var/tmp")
	}
	for key, dir := range map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"} {
		for _, word := range wordsOf(u, key) {
			name, _, _ := strings.Cut(word, ":")
			add(key, word, filepath.Join(dir, name))
		}
	}
	for _, key := range pathLists {
		for _, word := range wordsOf(u, key) {
			if path := strings.TrimLeft(word, "-+"); filepath.IsAbs(path) {
				add(key, word, filepath.Clean(path))
			}
		}
	}
	for _, key := range []string{"BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem"} {
		for _, word := range wordsOf(u, key) {
			parts := strings.Split(strings.TrimPrefix(word, "-"), ":")
			path := parts[0]
			if key != "TemporaryFileSystem" && len(parts) > 1 {
				path = parts[1]
			}
			if filepath.IsAbs(path) {
				add(key, word, filepath.Clean(path))
			}
		}
	}
	return out
}

// wordsOf returns the words of a list that a unit has in one or more lines; an empty line clears it.
func wordsOf(u *survey.Unit, key string) (out []string) {
	for _, line := range u.Values(key) {
		if line == "" {
			out = nil
			continue
		}
		for _, word := range unitWords(line) {
			out = append(out, strings.ReplaceAll(word, "%%", "%"))
		}
	}
	return out
}

// unitWords splits a line as systemd does: at blanks that are in no quotes (systemd.syntax(7)).
func unitWords(line string) (out []string) {
	var word strings.Builder
	var quote rune
	in := false
	for _, c := range line {
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, in = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if in {
				out, in = append(out, word.String()), false
				word.Reset()
			}
		default:
			word.WriteRune(c)
			in = true
		}
	}
	if in {
		out = append(out, word.String())
	}
	return out
}

// unitWord writes a path as one word of a unit's line.
func unitWord(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " \t'") {
		return `"` + path + `"`
	}
	return path
}

// without writes a list anew but for the word of one rule.
func without(u *survey.Unit, rule *pathRule) []string {
	out := []string{rule.key + "="}
	var rest []string
	for _, word := range wordsOf(u, rule.key) {
		if word != rule.value {
			rest = append(rest, unitWord(word))
		}
	}
	if len(rest) > 0 {
		out = append(out, rule.key+"="+strings.Join(rest, " "))
	}
	return out
}
