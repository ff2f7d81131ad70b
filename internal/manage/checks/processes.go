package checks

import (
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// keeps is what is wrong with one process or more.
const keeps = "memory, ports and files stay taken by jobs that are over"

// processes says what jobs have left running.
func processes(r *judged) []Result {
	res := Result{Check: "processes", Level: OK}
	c := r.set
	wanted := c.leftovers
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
	case wanted != plan.LeftAlone && c.userns && c.Isolate != policy.Always && r.UID != 0 && !r.Shim.SysAdmin:
		res.Level, res.What = Warn, "WORKER_WRAP_LEFTOVERS does nothing for a Worker that is alone, which is in no user namespace"
		res.Why, res.Mend = "what its job leaves running is not found", "set WORKER_WRAP_ISOLATE=always in "+root+"/.worker-wrap.env: then each Worker is in one, and sudo works in none; or see that isolation needs no WORKER_WRAP_USERNS"
	case ends > 0:
		res.Level, res.What = Warn, screen.Count(ends, "process")+" left of jobs whose Worker is dead"
		res.Why = keeps
		res.Mend = "look, " + r.Command.Do("ps --left") + ", and end it: sudo " + r.do("gc --kill")
	case others > 0:
		res.What = screen.Count(others, "process") + " left, as it seems, of jobs whose Worker is dead; worker-wrap ps --left says why gc ends none of that"
	case wanted != plan.LeftAlone:
		res.What = "none is known to be left of a job whose Worker is dead (WORKER_WRAP_LEFTOVERS=" + string(wanted) + ")"
	case r.Strays > 0:
		res.Level, res.What = Warn, screen.Count(r.Strays, "process")+" of "+r.User+" with a job's environment, and no Worker lives"
		res.Why = keeps + ", and the runner ends nothing of that"
		res.Mend = "have each start note what becomes of its job's processes: WORKER_WRAP_LEFTOVERS=list in " + root + "/.worker-wrap.env; then " + r.Command.Do("ps --left") + " lists them"
	default:
		return nil
	}
	return []Result{res}
}
