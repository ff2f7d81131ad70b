package systemd

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
)

// Words returns the words of a list that a unit has in one or more lines; an empty line clears it.
func (u *Unit) Words(key string) (out []string) {
	for _, line := range u.Values(key) {
		if line == "" {
			out = nil
			continue
		}
		for _, word := range SplitWords(line) {
			out = append(out, strings.ReplaceAll(word, "%%", "%"))
		}
	}
	return out
}

// SplitWords splits a line as systemd does: at blanks that are in no quotes (systemd.syntax(7)).
func SplitWords(line string) (out []string) {
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

// Made are the settings that have systemd make folders for a service's user, and in which folder (systemd.exec(5)).
var Made = map[string]string{"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "RuntimeDirectory": "/run"}

// Makes reports whether systemd makes a folder for the service's user that has this path, or is above it. It may if what it
// starts before the service does so (ExecStartPre=), or if the unit's files were not found.
func (u *Unit) Makes(path string) bool {
	if u.Name != "" && len(u.Lines) == 0 || slices.ContainsFunc(u.Lines, func(l Line) bool { return l.Key == "ExecStartPre" }) {
		return true
	}
	for key, dir := range Made {
		for _, word := range u.Words(key) {
			name, _, _ := strings.Cut(word, ":")
			if paths.In(path, filepath.Join(dir, name)) {
				return true
			}
		}
	}
	return false
}

// Source returns what the unit has its service see at a path, by BindPaths=, ok is false if this process sees the same.
func (u *Unit) Source(path string) (source string, ok bool) {
	at := ""
	for _, word := range u.Words("BindPaths") {
		parts := strings.Split(strings.TrimPrefix(word, "-"), ":")
		if len(parts) < 2 {
			continue
		}
		from, to := filepath.Clean(parts[0]), filepath.Clean(parts[1])
		rest, in := paths.Under(path, to)
		if from != to && in && len(to) > len(at) { // the nearest counts
			at, source, ok = to, filepath.Join(from, rest), true
		}
	}
	return source, ok
}
