package survey

import (
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/worker-wrap/worker-wrap/internal/ground/atonce"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
	"github.com/worker-wrap/worker-wrap/internal/manage/systemd"
)

// once is what looks at several runners share.
type once struct {
	processes func() []listed
	services  func() []discover.Service
	systemd   systemd.Machine

	looking    sync.Mutex       // of whoever fills that:
	workspaces map[int][]string // of jobs, by the user of their processes
}

// listed is a process as a list of all has it.
type listed struct {
	pid     int
	cmdline string
	command string // see [runner.Started]
	comm    string // "" for a thread of the kernel's
}

// Once returns the machine with a list of its processes, made once, and systemd's answers about these runners' units,
// asked for once.
func (s System) Once(layouts []runner.Layout) System {
	asked := s.systemd()
	s.once = &once{
		processes: sync.OnceValue(s.list), services: sync.OnceValue(func() []discover.Service { return discover.Services(s.Root) }),
		systemd: asked, workspaces: map[int][]string{},
	}
	var roots, units []string
	for _, l := range layouts {
		roots = append(roots, l.Root)
		if name := s.service(l, s.listener(s.Inside(l.Root)), false); name != "" {
			units = append(units, name)
		}
	}
	s.once.systemd = asked.Once(units, roots)
	return s
}

// systemd is the same machine to who looks at its services.
func (s System) systemd() systemd.Machine {
	if s.once != nil {
		return s.once.systemd
	}
	return systemd.Machine{Root: s.Root}
}

// processes lists those that can be seen.
func (s System) processes() []listed {
	if s.once != nil {
		return s.once.processes()
	}
	return s.list()
}

func (s System) list() []listed {
	pids := s.pids()
	out := make([]listed, len(pids))
	atonce.Each(len(pids), func(i int) {
		dir := filepath.Join("proc", strconv.Itoa(pids[i]))
		p := listed{pid: pids[i], cmdline: s.read(dir + "/cmdline")}
		if p.cmdline != "" {
			p.command = runner.Started([]byte(p.cmdline))
			p.comm = strings.TrimSpace(s.read(dir + "/comm"))
		}
		out[i] = p
	})
	return out
}
