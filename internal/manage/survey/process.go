package survey

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Process is one process and what it would hand on to a Worker.
type Process struct {
	PID, UID   int
	GID        int
	Groups     []int  // supplementary
	Name       string // comm
	Command    string // argv[0]
	NoNewPrivs bool
	Seccomp    int // 0 none, 1 strict, 2 filter (proc_pid_status(5))
	// CapPrm, CapEff, CapBnd and CapAmb are the sets of capabilities(7) as bit masks.
	CapPrm, CapEff, CapBnd, CapAmb uint64
	AppArmor                       string   // profile and mode, "" if there is none
	MountNS, UserNS                uint64   // inode numbers, 0 if they cannot be read
	Service                        string   // the system's service that it is in, "" if it is in none
	Env                            []string // what its environment says of Docker and to worker-wrap, nothing if that cannot be read
}

// Process reads what /proc has of a process.
func (s System) Process(pid int) (Process, error) {
	dir := filepath.Join("proc", strconv.Itoa(pid))
	status := s.read(dir + "/status")
	if status == "" {
		return Process{}, fmt.Errorf("no process %d can be seen", pid)
	}
	p := Process{PID: pid}
	p.parseStatus(procfs.Status(status))
	p.Command = runner.Started([]byte(s.read(dir + "/cmdline")))
	// SELinux labels have no mode in parentheses; an unconfined process has the word alone.
	if profile := strings.TrimRight(strings.TrimSpace(s.read(dir+"/attr/current")), "\x00"); strings.Contains(profile, "(") {
		p.AppArmor = profile
	}
	p.MountNS, _ = nsenter.Inode(s.path(dir + "/ns/mnt"))
	p.UserNS, _ = nsenter.Inode(s.path(dir + "/ns/user"))
	p.Service = serviceOf(s.read(dir+"/cgroup"), s.read("proc/1/cgroup"))
	for _, entry := range environ.Parse([]byte(s.read(dir + "/environ"))) {
		if name, _, ok := strings.Cut(entry, "="); ok && decides(name) {
			p.Env = append(p.Env, entry)
		}
	}
	return p, nil
}

// Confined reports whether a profile of AppArmor's, which is in force, says what the process may do.
func (p *Process) Confined() bool {
	return !strings.HasPrefix(p.AppArmor, "unconfined") && strings.Contains(p.AppArmor, "(enforce)")
}

// parseStatus takes what a process's status has of it.
func (p *Process) parseStatus(status procfs.Status) {
	id := func(field string) int { n, _ := strconv.Atoi(status.Word(field)); return n }
	p.Name, p.UID, p.GID = status.Line("Name"), id("Uid"), id("Gid")
	for _, word := range status.Words("Groups") {
		if gid, err := strconv.Atoi(word); err == nil {
			p.Groups = append(p.Groups, gid)
		}
	}
	p.NoNewPrivs, p.Seccomp = status.Word("NoNewPrivs") == "1", id("Seccomp")
	mask := func(field string) uint64 { return status.Number(field, 16) }
	p.CapPrm, p.CapEff, p.CapBnd, p.CapAmb = mask("CapPrm"), mask("CapEff"), mask("CapBnd"), mask("CapAmb")
}

// pids lists the processes that can be seen.
func (s System) pids() []int {
	all, err := procfs.PIDs(s.path("proc"))
	if err != nil {
		return nil
	}
	return all
}

// Listener finds the Listener of the runner in root: the process that was started from its bin folder. ok is false if
// none runs.
func (s System) Listener(root string) (p Process, ok bool) {
	for _, pid := range s.started(root, runner.ListenerName) {
		if p, err := s.Process(pid); err == nil {
			return p, true
		}
	}
	return Process{}, false
}

// listener is the same, nil if none runs.
func (s System) listener(root string) *Process {
	if p, ok := s.Listener(root); ok {
		return &p
	}
	return nil
}

// Workers lists the PIDs of the Workers of the runner in root, wrapped or not.
func (s System) Workers(root string) []int {
	return s.started(root, runner.WorkerName, runner.KeptWorkerName, runner.RealWorkerName)
}

// started lists the processes that were started from the bin folder of the runner in root under one of
// these file names. The folder itself may be gone after an update.
func (s System) started(root string, names ...string) []int {
	var out []int
	for _, p := range s.processes() {
		if !filepath.IsAbs(p.command) || !slices.Contains(names, filepath.Base(p.command)) {
			continue
		}
		process := s.path("proc/" + strconv.Itoa(p.pid))
		if is, err := runner.InBin(process, s.path(p.command), s.path(root)); is && err == nil {
			out = append(out, p.pid)
		}
	}
	return out
}

// Pause is the process that keeps a user's rootless Podman containers in one user and mount namespace
// (podman's pkg/rootless): each podman command of that user joins it, whatever namespace it was run in.
type Pause struct{ Process }

// Sees returns which folder a pause process sees at the path temp, of the runner in root: temp itself for the host's; a
// private folder's path if it was started in that Worker's namespace; "" if it cannot be told.
func (s System) Sees(p Pause, root, temp string) string {
	inner := temp
	if real, err := filepath.EvalSymlinks(temp); err == nil {
		inner = real // an absolute link would lead to the caller's own view
	}
	inside, err := os.Stat(s.path("proc/" + strconv.Itoa(p.PID) + "/root" + inner))
	if err != nil {
		return ""
	}
	candidates := []string{temp}
	for _, store := range perpid.Paths(root, temp) {
		more, _ := filepath.Glob(filepath.Join(store, "*"))
		candidates = append(candidates, more...)
	}
	for _, path := range candidates {
		if st, err := os.Stat(path); err == nil && os.SameFile(st, inside) {
			return path
		}
	}
	return ""
}

// pauses finds them by the names that podman gives them: its own, or catatonit with -P if that is installed (podman's
// test/system/550-pause-process.bats, pkg/rootless/rootless_linux.c).
func (s System) pauses() []Pause {
	var out []Pause
	for _, seen := range s.processes() {
		switch seen.comm {
		case "podman pause":
		case "catatonit":
			if !slices.Contains(strings.Split(seen.cmdline, "\x00"), "-P") {
				continue // the init of a container
			}
		default:
			continue
		}
		if p, err := s.Process(seen.pid); err == nil {
			out = append(out, Pause{p})
		}
	}
	return out
}
