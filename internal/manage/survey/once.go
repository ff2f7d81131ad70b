package survey

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
)

// once is what looks at several runners share.
type once struct {
	processes  func() []listed
	workspaces map[int][]string             // of jobs, by the user of their processes
	shown      map[string]map[string]string // what systemd says of units, by the names that it was asked for
}

// listed is a process as a list of all has it.
type listed struct {
	pid     int
	cmdline string
	command string // see [runner.Started]
	comm    string // "" for a thread of the kernel's
}

// Once returns the machine with a list of its processes that is made once, and with what systemd says of these runners'
// units, for which it is asked once.
func (s System) Once(layouts []runner.Layout) System {
	o := &once{processes: sync.OnceValue(s.list), workspaces: map[int][]string{}, shown: map[string]map[string]string{}}
	var units []string
	for _, l := range layouts {
		path := PathUnit{Name: pathUnitName(l.Root)}
		units = append(units, path.Name, path.ServiceName())
		if name := s.unitName(l.Root); name != "" {
			units = append(units, name)
		}
	}
	slices.Sort(units)
	units = slices.Compact(units)
	for i, said := range s.show(slices.Concat(ofUnit, ofState), units...) {
		o.shown[units[i]] = said
	}
	s.once = o
	return s
}

// processes lists those that can be seen.
func (s System) processes() []listed {
	if s.once != nil {
		return s.once.processes()
	}
	return s.list()
}

func (s System) list() (out []listed) {
	for _, pid := range s.pids() {
		dir := filepath.Join("proc", strconv.Itoa(pid))
		p := listed{pid: pid, cmdline: s.read(dir + "/cmdline")}
		if p.cmdline != "" {
			p.command = runner.Started([]byte(p.cmdline))
			p.comm = strings.TrimSpace(s.read(dir + "/comm"))
		}
		out = append(out, p)
	}
	return out
}
