package discover

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Found is one runner.
type Found struct {
	Layout runner.Layout
	Unit   string // name of its service unit, "" if it is no service
	User   string // the unit's User=, "" if it has none
	From   string // what led to it: a unit's file, a .service or .runner file, a Listener, [ListFile]
	// Err is why .runner does not tell Layout, which is guessed then. It is a [runner.ConfigError].
	Err error
}

// ListFile names, one root to a line, the runners that an install has put the shim into. A runner that
// nothing else leads to is found by it, so that taking worker-wrap off a machine forgets none.
const ListFile = "/var/lib/worker-wrap/runners"

// unitFolders are where units are (systemd.unit(5)). svc.sh writes to the first.
var unitFolders = [...]string{
	"/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
}

// usual are where people unpack runners; in each, .service (written by svc.sh), .runner (written by config.sh) and the
// Listener of a release are looked for.
var usual = [...]string{
	"/actions-runner*", "/home/*", "/home/*/*", "/home/*/*/*", "/opt/*", "/opt/*/*", "/root", "/root/*",
	"/srv/*", "/srv/*/*", "/var/lib/*", "/var/lib/*/*", "/data/*", "/data/*/*", "/runner", "/runners/*", "/mnt/*", "/mnt/*/*",
}

// All returns every runner of the machine whose root file system is at fsroot ("" for this one), each
// once, sorted by root. What leads to a folder that holds no runner (any more) is passed over. One that has a
// Worker and no .runner is a runner: it may have the shim, or be a release that is not yet configured, whose layout is
// guessed.
func All(fsroot string) []Found {
	s := search{fsroot: fsroot, seen: map[string]bool{}}
	s.units()
	s.list()
	s.listeners()
	for _, dir := range usual {
		s.files(dir)
	}
	slices.SortStableFunc(s.found, func(a, b Found) int { return strings.Compare(a.Layout.Root, b.Layout.Root) })
	return s.found
}

type search struct {
	fsroot string
	seen   map[string]bool // resolved roots
	found  []Found
}

func (s *search) path(p string) string { return filepath.Join("/", s.fsroot, p) }

// add takes the runner in root, a path of the searched file system, if there is one and it is new.
func (s *search) add(root string, f Found) {
	if !filepath.IsAbs(root) {
		return
	}
	real, err := resolved(root)
	if err != nil || s.seen[real] {
		return
	}
	if f.Layout, f.Err = runner.FromRelease(real); f.Err != nil {
		if runner.Missing(f.Err) && !runner.HasWorker(real) {
			return
		}
		f.Layout = runner.Unconfigured(real)
	}
	s.seen[real] = true
	if f.Unit == "" {
		f.Unit = runner.UnitName(untrusted.Text(filepath.Join(real, runner.ServiceName)))
	}
	s.found = append(s.found, f)
}

// resolved is the path without links. If it may not be followed there may be a runner all the same.
func resolved(root string) (string, error) {
	real, err := filepath.EvalSymlinks(root)
	if errors.Is(err, fs.ErrPermission) {
		return filepath.Clean(root), nil
	}
	return real, err
}

// files looks for a runner in each folder that matches pattern.
func (s *search) files(pattern string) {
	for _, name := range [...]string{"/" + runner.ServiceName, "/" + runner.ConfigName, "/bin/" + runner.ListenerName} {
		paths, _ := filepath.Glob(s.path(pattern) + name)
		for _, path := range paths {
			s.add(strings.TrimSuffix(path, name), Found{From: path})
		}
	}
}

// list reads what installs have noted.
func (s *search) list() {
	path := s.path(ListFile)
	for line := range strings.Lines(untrusted.Text(path)) {
		s.add(strings.TrimRight(line, "\n"), Found{From: path})
	}
}

// listeners looks for Listeners that run. A Listener is started by its path in the runner's bin
// (RunnerService.js, run-helper.sh).
func (s *search) listeners() {
	paths, _ := filepath.Glob(s.path("/proc/[0-9]*/cmdline"))
	for _, path := range paths {
		program, _, _ := strings.Cut(untrusted.Text(path), "\x00")
		if filepath.Base(program) != runner.ListenerName {
			continue
		}
		if !filepath.IsAbs(program) {
			dir, err := os.Readlink(filepath.Join(filepath.Dir(path), "cwd"))
			if err != nil {
				continue
			}
			program = filepath.Join(dir, program)
		}
		// Not Clean: what comes before ".." may be a link.
		s.add(filepath.Dir(filepath.Dir(program)), Found{From: filepath.Dir(path)})
	}
}
