package doctor

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/environ"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
)

// strays counts the processes of a runner's user that have a job's environment though no Worker lives: what its jobs
// have left, as far as that can be told without WORKER_WRAP_LEFTOVERS.
func strays(r *survey.Runner) (n int) {
	if len(r.Workers) > 0 {
		return 0
	}
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		var st unix.Stat_t
		if unix.Stat(filepath.Dir(path), &st) != nil || int(st.Uid) != r.UID {
			continue
		}
		env, err := os.ReadFile(path)
		if err == nil && strings.HasPrefix(environ.Get(environ.Parse(env), "GITHUB_WORKSPACE"), r.Layout.Work+"/") {
			n++
		}
	}
	return n
}

// processes says what jobs have left running.
func processes(r *Runner) []Result {
	res := Result{Check: "processes", Level: OK}
	wanted := choices(r).leftovers
	var ends, others int
	for _, p := range r.Left.Processes {
		if p.Why == "" {
			ends++
		} else {
			others++
		}
	}
	root := visible.Word(r.Layout.Root)
	switch {
	case wanted != plan.LeftAlone && choices(r).userns:
		res.Level, res.What = Warn, "WORKER_WRAP_LEFTOVERS does nothing with WORKER_WRAP_USERNS"
		res.Why, res.Mend = "what jobs leave running is not found", "take one of the two settings away"
	case ends > 0:
		res.Level, res.What = Warn, screen.Count(ends, "process")+" run on whose job's Worker is dead"
		res.Why = "they keep memory, ports and files of jobs that are over"
		res.Mend = "look at them, worker-wrap ps --left, and end them: sudo worker-wrap gc --kill --runner-root " + root
	case others > 0:
		res.What = screen.Count(others, "process") + " may be left of jobs whose Worker is dead; worker-wrap ps --left says why nothing ends them"
	case wanted != plan.LeftAlone:
		res.What = "none is known to be left of a job whose Worker is dead (WORKER_WRAP_LEFTOVERS=" + string(wanted) + ")"
	case r.Strays > 0:
		res.Level, res.What = Warn, screen.Count(r.Strays, "process")+" of "+r.User+" with a job's environment, and no Worker lives"
		res.Why = "they keep memory, ports and files of jobs that are over, and the runner does not end them"
		res.Mend = "have each start note what becomes of its job's processes: WORKER_WRAP_LEFTOVERS=list in " + root + "/.worker-wrap.env; then worker-wrap ps --left lists them"
	default:
		return nil
	}
	return []Result{res}
}

// look gathers what processes judges.
func (r *Runner) look() {
	r.Left, _ = left.Of(r.Layout) // what cannot be looked into is not known to be left
	r.Strays = strays(&r.Runner)
}
