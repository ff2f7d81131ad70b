package survey

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"

	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// wrapperScript stands in for runsvc.sh in units of those who want it; it starts a watch.
const wrapperScript = "runsvc-worker-wrap.sh"

// keeper says what puts the shim into a runner's new version when it updates itself: the path unit that
// an install enables, the script around runsvc.sh, or a watch that somebody has started.
func (s System) keeper(layout runner.Layout, u Unit) string {
	name := "worker-wrap@" + unit.UnitNamePathEscape(layout.Root) + ".path"
	if _, err := os.Lstat(s.path("etc/systemd/system/paths.target.wants/" + name)); err == nil {
		return "the path unit " + name
	}
	if strings.Contains(s.read(u.Path), wrapperScript) {
		return wrapperScript + " in the unit " + u.Name
	}
	for _, pid := range s.pids() {
		argv := strings.Split(s.read("proc/"+strconv.Itoa(pid)+"/cmdline"), "\x00")
		if len(argv) > 1 && filepath.Base(argv[0]) == "worker-wrap" && argv[1] == "watch" && s.watches(pid, argv, layout.Root) {
			return "worker-wrap watch (PID " + strconv.Itoa(pid) + ")"
		}
	}
	return ""
}

// watches reports whether a watch with these arguments has the runner in root in its care.
func (s System) watches(pid int, argv []string, root string) bool {
	for i, arg := range argv {
		value, ok := strings.CutPrefix(arg, "--runner-root=")
		if !ok && (arg != "--runner-root" || i+1 == len(argv)) {
			continue
		}
		if !ok {
			value = argv[i+1]
		}
		if !filepath.IsAbs(value) {
			dir, err := os.Readlink(s.path("proc/" + strconv.Itoa(pid) + "/cwd"))
			if err != nil {
				continue
			}
			value = filepath.Join(dir, value)
		}
		if filepath.Clean(value) == root {
			return true
		}
	}
	return false
}

// noUpdates reads disableUpdate out of .runner (src/Runner.Common/ConfigurationStore.cs).
func noUpdates(root string) bool {
	data := System{}.read(filepath.Join(root, ".runner"))
	var config struct {
		DisableUpdate bool `json:"disableUpdate"`
	}
	return json.Unmarshal(bytes.TrimPrefix([]byte(data), []byte("\xef\xbb\xbf")), &config) == nil && config.DisableUpdate
}
