package runner

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// VersionOf returns the version of a runner and where it was read. What bin holds comes first: the publish step of the
// runner's build names the version in bin/Runner.Listener.deps.json (src/dir.proj gives every project
// Version=$(RunnerVersion)). After an update the link bin names it too (bin.2.336.0, SelfUpdater.cs), and each Listener
// writes it to its log when it starts (src/Runner.Listener/Program.cs: "Version: …"). Both are "" if nothing says it.
func VersionOf(root string) (version, from string) {
	deps := filepath.Join(root, "bin", "Runner.Listener.deps.json")
	if v := versionIn(deps, `"Runner.Listener/`, '"'); v != "" {
		return v, deps
	}
	link := filepath.Join(root, "bin")
	if target, err := os.Readlink(link); err == nil {
		if v, ok := strings.CutPrefix(filepath.Base(target), "bin."); ok && isVersion(v) {
			return v, link
		}
	}
	logs, _ := filepath.Glob(filepath.Join(root, "_diag", "Runner_*.log"))
	slices.Sort(logs) // by time, which is in the name
	for _, log := range slices.Backward(logs) {
		if v := versionIn(log, "] Version: ", '\n'); v != "" {
			return v, log
		}
	}
	return "", ""
}

// versionIn reads the version between the first mark and the next end, within a file's first MiB.
func versionIn(path, mark string, end byte) string {
	data, err := untrusted.Head(path, 1<<20)
	if err != nil {
		return ""
	}
	return parseVersionIn(data, mark, end)
}

func parseVersionIn(data []byte, mark string, end byte) string {
	_, rest, ok := bytes.Cut(data, []byte(mark))
	if !ok {
		return ""
	}
	value, _, ok := bytes.Cut(rest, []byte{end})
	if !ok {
		return "" // half of it, as where a log is being written
	}
	if v := strings.TrimSpace(string(value)); isVersion(v) {
		return v
	}
	return ""
}

func isVersion(s string) bool {
	_, err := parseVersion(s)
	return err == nil
}

// parseVersion reads "2.336.0": the runner's versions are three numbers (src/runnerversion).
func parseVersion(s string) (v [3]int, err error) {
	parts := strings.Split(s, ".")
	if len(parts) != len(v) {
		return v, fmt.Errorf("%q is not a runner's version", s)
	}
	for i, part := range parts {
		if v[i], err = strconv.Atoi(part); err != nil || v[i] < 0 || strconv.Itoa(v[i]) != part {
			return v, fmt.Errorf("%q is not a runner's version", s)
		}
	}
	return v, nil
}

// Before reports whether version a is older than b. It is false if either is no version.
func Before(a, b string) bool {
	x, xerr := parseVersion(a)
	y, yerr := parseVersion(b)
	return xerr == nil && yerr == nil && slices.Compare(x[:], y[:]) < 0
}
