package survey

import (
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/paths"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// workspaces are those of jobs, by the environments of a user's processes.
func (s System) workspaces(uid int) (out []string) {
	if s.once != nil {
		s.once.looking.Lock()
		defer s.once.looking.Unlock()
		if known, ok := s.once.workspaces[uid]; ok {
			return known
		}
		defer func() { s.once.workspaces[uid] = out }()
	}
	for _, p := range s.processes() {
		dir := s.path(filepath.Join("proc", strconv.Itoa(p.pid)))
		var st unix.Stat_t
		if p.cmdline == "" || unix.Stat(dir, &st) != nil || int(st.Uid) != uid { // the kernel's, or another's
			continue
		}
		env, _ := untrusted.Head(dir+"/environ", longestEnv)
		if path := environ.Get(environ.Parse(env), "GITHUB_WORKSPACE"); path != "" {
			out = append(out, path)
		}
	}
	return out
}

// longestEnv bounds what is read of an environment.
const longestEnv = 4 << 20

// Strays counts the processes of a runner's user that have a job's environment though no Worker lives: what its jobs
// have left, as far as that can be told without WORKER_WRAP_LEFTOVERS.
func (s System) Strays(r *Runner) (n int) {
	if len(r.Workers) > 0 {
		return 0
	}
	for _, path := range s.workspaces(r.UID) {
		if paths.In(path, r.Layout.Work) {
			n++
		}
	}
	return n
}
