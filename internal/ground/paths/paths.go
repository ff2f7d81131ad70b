// Package paths has starts, the Docker proxy and a person's commands ask which path lies in which folder. It looks at
// words only.
package paths

import "strings"

// Under reports whether a path is dir or lies in it, and which way leads there from dir: "" if it is dir.
func Under(path, dir string) (rel string, ok bool) {
	if path == dir {
		return "", true
	}
	if rel, ok = strings.CutPrefix(path, strings.TrimSuffix(dir, "/")+"/"); !ok {
		return "", false
	}
	return rel, true
}

// In is [Under] for who does not ask for the way.
func In(path, dir string) bool {
	_, ok := Under(path, dir)
	return ok
}
