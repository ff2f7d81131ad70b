package confine

import (
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// namespaceTypes are those that RestrictNamespaces= knows (systemd.exec(5)).
var namespaceTypes = []string{"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}

// allowedNamespaces follows the lines of RestrictNamespaces=: a list adds types to those that are allowed, one with ~ takes
// them away. The first line replaces all, and so does a boolean; an empty line is the beginning again.
func allowedNamespaces(lines []string) []string {
	allowed, fresh := namespaceTypes, true
	for _, line := range lines {
		rest, inverted := strings.CutPrefix(line, "~")
		names := strings.Fields(rest)
		switch {
		case line == "":
			allowed, fresh = namespaceTypes, true
			continue
		case !On(line):
			allowed = namespaceTypes
		case isTrue(line):
			allowed = nil
		default:
			before := allowed
			allowed = nil
			for _, name := range namespaceTypes {
				was := inverted
				if !fresh {
					was = slices.Contains(before, name)
				}
				if listed := slices.Contains(names, name); inverted && was && !listed || !inverted && (was || listed) {
					allowed = append(allowed, name)
				}
			}
		}
		fresh = false
	}
	return allowed
}

func isTrue(value string) bool {
	switch strings.ToLower(value) {
	case "1", "yes", "y", "true", "t", "on":
		return true
	}
	return false
}

// namespacesNeeded returns the types that have to be added, "" if a Worker may make all that it needs.
func namespacesNeeded(u *systemd.Unit, userns bool) string {
	allowed := allowedNamespaces(u.Values("RestrictNamespaces"))
	var missing []string
	if !slices.Contains(allowed, "mnt") {
		missing = append(missing, "mnt")
	}
	if userns && !slices.Contains(allowed, "user") {
		missing = append(missing, "user")
	}
	return strings.Join(missing, " ")
}

// The system calls of a start that are in few of systemd's groups, and those groups (systemd-analyze syscall-filter).
var mountCalls = []string{"mount", "mount_setattr", "move_mount", "open_tree"}

func callGroup(name string) []string {
	switch name {
	case "@mount":
		return mountCalls
	case "@process":
		return []string{"unshare"}
	case "@privileged":
		return []string{"capset"}
	case "@system-service":
		return []string{"capset", "unshare"}
	case "@known":
		return append([]string{"capset", "unshare"}, mountCalls...)
	}
	return nil
}

// callsNeeded returns the groups and system calls that have to be added to SystemCallFilter=, "" if none have. Whoever has
// the capability without worker-wrap's file does without capset.
func callsNeeded(u *systemd.Unit, capable bool) string {
	allowed := allowedCalls(u.Values("SystemCallFilter"))
	var missing []string
	if slices.ContainsFunc(mountCalls, func(call string) bool { return !allowed(call) }) {
		missing = append(missing, "@mount")
	}
	for _, call := range []string{"unshare", "capset"} {
		if !allowed(call) && (call != "capset" || !capable) {
			missing = append(missing, call)
		}
	}
	return strings.Join(missing, " ")
}

// allowedCalls follows the lines of SystemCallFilter=. The first one makes it a list of what is allowed, or with ~ of what is
// denied; the others add to the list or take from it. An empty line is the beginning again.
func allowedCalls(lines []string) func(call string) bool {
	listed := map[string]bool{}
	allowing, begun := false, false
	for _, line := range lines {
		rest, inverted := strings.CutPrefix(line, "~")
		if line == "" {
			listed, allowing, begun = map[string]bool{}, false, false
			continue
		}
		if !begun {
			allowing, begun = !inverted, true
		}
		for _, word := range strings.Fields(rest) {
			name, _, _ := strings.Cut(word, ":") // with the error that it gives
			calls := callGroup(name)
			if calls == nil {
				calls = []string{name}
			}
			for _, call := range calls {
				listed[call] = inverted != allowing
			}
		}
	}
	return func(call string) bool { return !begun || listed[call] == allowing }
}
