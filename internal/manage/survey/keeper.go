package survey

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// wrapperScript stands in for runsvc.sh in units of those who want it; it starts a watch.
const wrapperScript = "runsvc-worker-wrap.sh"

// keeper says what puts the shim into a runner's new version when it updates itself: the path unit that
// an install enables, the script around runsvc.sh, or a watch that somebody has started.
func (s System) keeper(layout runner.Layout, u systemd.Unit, p systemd.PathUnit, runs bool) string {
	if p.Wanted() && p.Trouble() == "" {
		return "the path unit " + p.Name
	}
	watch, hidden := s.watch(layout.Root)
	switch script := strings.Contains(s.read(u.Path), wrapperScript); {
	case script && (!runs || watch != 0 || hidden): // it starts a watch whenever it starts the runner
		return wrapperScript + " in the unit " + u.Name
	case watch != 0:
		return "worker-wrap watch (PID " + strconv.Itoa(watch) + ")"
	}
	return ""
}

// watch finds the watch that has a runner in its care, 0 if there is none. hidden is true if one may have that cannot be
// looked into.
func (s System) watch(root string) (pid int, hidden bool) {
	for _, p := range s.processes() {
		pid, argv := p.pid, strings.Split(p.cmdline, "\x00")
		if len(argv) < 2 || !strings.HasPrefix(filepath.Base(argv[0]), "worker-wrap") || argv[1] != "watch" {
			continue
		}
		if s.watches(pid, argv[2:], root) {
			return pid, false
		}
		_, err := os.Readlink(s.path("proc/" + strconv.Itoa(pid) + "/cwd"))
		hidden = hidden || err != nil
	}
	return 0, hidden
}

// watches reports whether a watch with these options has the runner in root in its care: one that --runner-root names,
// every one that it may change with --all, or without either the one found from its current folder upwards. One that ends
// by itself (--until-quiet), as that of the path unit does, has it for a moment only.
func (s System) watches(pid int, options []string, root string) bool {
	cwd, cerr := os.Readlink(s.path("proc/" + strconv.Itoa(pid) + "/cwd"))
	named := false
	for i, option := range options {
		name, value, ok := strings.Cut(option, "=")
		switch name {
		case "--until-quiet", "-until-quiet":
			return false
		case "--all", "-all":
			return value != "false" && s.mayChange(pid, root)
		case "--runner-root", "-runner-root":
			named = true
			if !ok && i+1 < len(options) {
				value = options[i+1]
			}
			if !filepath.IsAbs(value) {
				if cerr != nil {
					continue
				}
				value = filepath.Join(cwd, value)
			}
			if real, err := filepath.EvalSymlinks(value); err == nil {
				value = real
			}
			if filepath.Clean(value) == root {
				return true
			}
		}
	}
	return !named && cerr == nil && runner.Around(cwd) == root
}

// mayChange reports whether a process is root's or the owner's of what is in root.
func (s System) mayChange(pid int, root string) bool {
	p, err := s.Process(pid)
	return err == nil && (p.UID == 0 || p.UID == FolderAt(root).UID)
}
