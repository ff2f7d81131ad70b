package confine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// pathRule is what a unit says of a path and of what lies below, unless another rule is nearer.
type pathRule struct {
	path, key, value string // value is the word or line that says so
}

// What the keys of rules make of a path. For the same path a rule that hides goes before one that makes read-only, and
// that before one that makes writable (systemd's src/core/namespace.c, mount_path_compare).
var (
	hiding    = []string{"InaccessiblePaths", "TemporaryFileSystem", "ProtectHome"}
	readOnly  = []string{"ReadOnlyPaths", "ProtectSystem", "BindReadOnlyPaths"}
	writable  = []string{"ReadWritePaths", "BindPaths", "PrivateTmp", "StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory"}
	bound     = []string{"BindPaths", "BindReadOnlyPaths"}
	noExec    = []string{"NoExecPaths"}
	canExec   = []string{"ExecPaths"}
	pathLists = []string{"InaccessiblePaths", "ReadOnlyPaths", "ReadWritePaths", "NoExecPaths", "ExecPaths"}
)

// pathObstacles looks whether the work folder can be written and the installed binary run in the unit's view.
func (r *Service) pathObstacles() (out []Obstacle) {
	u := &r.Unit
	rules := pathRules(u)
	var lifted []*pathRule
	add := func(rule *pathRule, what, why string, lift bool, mend ...string) {
		if lift {
			lifted = append(lifted, rule)
		}
		out = append(out, Obstacle{"service", rule.key + "=" + rule.value, what, why, mend})
	}
	work, root := r.Layout.Work, r.Layout.Root
	switch rule := nearest(rules, work, hiding, readOnly, writable); {
	case rule == nil:
	case slices.Contains(readOnly, rule.key):
		path := work
		if at := nearest(rules, root, hiding, readOnly, writable); at != nil && slices.Contains(readOnly, at.key) && paths.In(path, root) {
			path = root
		}
		add(rule, "which makes the work folder "+work+" read-only", "no job can run there, and no Worker have a _temp of its own",
			rule.path == path && rule.key == "ReadOnlyPaths", "ReadWritePaths="+unitWord(path))
	case slices.Contains(hiding, rule.key):
		path := root
		if !paths.In(root, rule.path) {
			path = work
		}
		mend := "BindPaths=" + unitWord(path)
		if rule.key == "ProtectHome" && rule.value != "tmpfs" {
			mend = "ProtectHome=no"
		}
		add(rule, "which hides the work folder "+work, "no job can run there", rule.key == "InaccessiblePaths", mend)
	}
	if r.Shim != "" {
		dir := filepath.Dir(r.Shim)
		if rule := nearest(rules, r.Shim, hiding, readOnly, writable); rule != nil && slices.Contains(hiding, rule.key) {
			mend := "BindReadOnlyPaths=" + unitWord(dir)
			if rule.key == "ProtectHome" && rule.value != "tmpfs" {
				if mend = "ProtectHome=read-only"; len(out) > 0 && slices.Contains(out[0].Mend, "ProtectHome=no") {
					mend = "ProtectHome=no"
				}
			}
			add(rule, "which hides worker-wrap itself, "+r.Shim, "no job can start", rule.key == "InaccessiblePaths", mend)
		}
		if rule := nearest(rules, r.Shim, noExec, canExec); rule != nil && rule.key == "NoExecPaths" {
			add(rule, "which forbids to run worker-wrap itself, "+r.Shim, "no job can start", paths.In(rule.path, dir), "ExecPaths="+unitWord(dir))
		}
	}
	for i, o := range out {
		for _, rule := range lifted {
			if o.Setting == rule.key+"="+rule.value {
				out[i].Mend = without(u, rule.key, lifted)
			}
		}
	}
	return append(out, r.missing(rules)...)
}

// missing looks whether a root folder of the unit's own has what a start needs, or that is bound there.
func (r *Service) missing(rules []pathRule) (out []Obstacle) {
	dir := r.Unit.Last("RootDirectory")
	look := func(path, mend string) {
		if _, err := os.Stat(filepath.Join(dir, path)); errors.Is(err, fs.ErrNotExist) && nearest(rules, path, bound) == nil {
			out = append(out, Obstacle{"service", "RootDirectory=" + dir, "which has no " + path, "no job can start", []string{mend}})
		}
	}
	if dir == "" {
		return nil
	}
	look(r.Layout.Root, "BindPaths="+unitWord(r.Layout.Root))
	if r.Shim != "" {
		look(r.Shim, "BindReadOnlyPaths="+unitWord(filepath.Dir(r.Shim)))
	}
	return out
}

// nearest returns the rule for a path: the one for the longest part of it, and of those for the same part the first kind's.
func nearest(rules []pathRule, path string, kinds ...[]string) (out *pathRule) {
	for _, keys := range kinds {
		for i := range rules {
			if rule := &rules[i]; slices.Contains(keys, rule.key) && paths.In(path, rule.path) && (out == nil || len(rule.path) > len(out.path)) {
				out = rule
			}
		}
	}
	return out
}

// pathRules reads them from a unit.
func pathRules(u *systemd.Unit) (out []pathRule) {
	add := func(key, value string, paths ...string) {
		for _, path := range paths {
			out = append(out, pathRule{path, key, value})
		}
	}
	switch system := strings.ToLower(u.Last("ProtectSystem")); {
	case system == "strict":
		add("ProtectSystem", "strict", "/")
	case On(system):
		add("ProtectSystem", system, "/usr", "/boot", "/efi")
		if system == "full" {
			add("ProtectSystem", system, "/etc")
		}
	}
	if home := strings.ToLower(u.Last("ProtectHome")); home != "read-only" && On(home) {
		add("ProtectHome", home, "/home", "/root", "/run/user")
	} else if On(home) {
		out = append(out, pathRule{"/home", "ReadOnlyPaths", home}, pathRule{"/root", "ReadOnlyPaths", home})
	}
	if On(u.Last("PrivateTmp")) {
		add("PrivateTmp", "yes", "/tmp", "/var/tmp")
	}
	for key, dir := range map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"} {
		for _, word := range u.Words(key) {
			name, _, _ := strings.Cut(word, ":")
			add(key, word, filepath.Join(dir, name))
		}
	}
	for _, key := range pathLists {
		for _, word := range u.Words(key) {
			if path := strings.TrimLeft(word, "-+"); filepath.IsAbs(path) {
				add(key, word, filepath.Clean(path))
			}
		}
	}
	for _, key := range []string{"BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem"} {
		for _, word := range u.Words(key) {
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

// unitWord writes a path as one word of a unit's line.
func unitWord(path string) string {
	path = strings.ReplaceAll(path, "%", "%%")
	if strings.ContainsAny(path, " \t'") {
		return `"` + path + `"`
	}
	return path
}

// without writes a list anew but for the words of some rules.
func without(u *systemd.Unit, key string, rules []*pathRule) []string {
	out := []string{key + "="}
	var rest []string
	for _, word := range u.Words(key) {
		if !slices.ContainsFunc(rules, func(rule *pathRule) bool { return rule.key == key && rule.value == word }) {
			rest = append(rest, unitWord(word))
		}
	}
	if len(rest) > 0 {
		out = append(out, key+"="+strings.Join(rest, " "))
	}
	return out
}
