package doctor

import (
	"errors"
	"io/fs"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/install"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// Gather collects the facts about this machine, the runners with these layouts, and those that have none.
func Gather(layouts []runner.Layout, broken []*runner.ConfigError, captured bool) Facts {
	s := survey.System{}
	f := Facts{Machine: s.Machine(), Captured: captured}
	for _, err := range broken {
		b := Broken{err, "?"}
		if root := survey.FolderAt(err.Root); root.Exists {
			b.User = survey.UserName(root.UID)
		}
		f.Broken = append(f.Broken, b)
	}
	for _, layout := range layouts {
		r := Runner{Runner: s.Runner(layout)}
		r.Install, r.InstallErr = install.Inspect(layout)
		if b := r.current(); b.Wrapped() {
			r.Shim = survey.BinaryAt(b.Program())
			r.OldUnits = install.Machine{Self: r.Shim.Path}.OutdatedUnits(layout)
			r.Barred = survey.BarredFrom(r.Shim.Path, r.UID)
		}
		r.look()
		f.Runners = append(f.Runners, r)
	}
	return f
}

// current is the bin folder that the Listener runs from, the zero Bin where there is none.
func (r *Runner) current() install.Bin {
	if len(r.Install.Bins) > 0 && r.Install.Bins[0].Current {
		return r.Install.Bins[0]
	}
	return install.Bin{}
}

// Judge runs every check on the facts.
func Judge(f Facts) Report {
	report := Report{Machine: machine(f), Runners: []RunnerReport{}}
	for i := range f.Runners {
		r := &f.Runners[i]
		report.Runners = append(report.Runners, RunnerReport{
			Root: r.Layout.Root, User: r.User, Version: r.Version, Results: oneRunner(r, f.Machine),
		})
	}
	for _, b := range f.Broken {
		report.Runners = append(report.Runners, broken(b))
	}
	report.conclude()
	return report
}

// broken is the report on a runner whose .runner is no help.
func broken(b Broken) RunnerReport {
	res := Result{
		Check: "configuration", Level: Fail, What: b.Error(),
		Why: "neither the runner nor worker-wrap can start a job without it", Mend: "correct the file, or configure the runner again (config.sh)",
	}
	unknown := errors.Is(b.Err, fs.ErrPermission)
	if unknown {
		res.Level, res.Why, res.Mend = Warn, "whether its jobs are protected cannot be told", "sudo worker-wrap doctor --runner-root "+visible.Word(b.Root)
	}
	return RunnerReport{Root: b.Root, User: b.User, Unknown: unknown, Results: []Result{res}}
}

// conclude says of each runner whether it is protected. What is wrong with the machine is wrong for
// all of them.
func (r *Report) conclude() {
	for i := range r.Runners {
		r.Runners[i].Protected = !r.Runners[i].Unknown && worst(r.Machine) != Fail && worst(r.Runners[i].Results) != Fail
	}
}

// TryAll isolates a process for each runner and adds what came of it. Runners with the same user and
// binary share a trial. Where a runner has no shim, or there is no runner, the binary at fallback is
// tried as the doctor's own user: the capability that others need comes with an install. Root starts nothing that
// others can change: who owns a runner chooses what its shim is, and by .service as whose it would be started.
func (r *Report) TryAll(f Facts, fallback string) {
	done := map[Trial]Result{}
	try := func(t Trial) Result {
		if _, ok := done[t]; !ok {
			done[t] = Try(t)
		}
		return done[t]
	}
	own := Trial{Binary: fallback, UID: os.Getuid(), User: survey.UserName(os.Getuid())}
	for i := range f.Runners {
		t := Trial{Binary: f.Runners[i].Shim.Path, UID: f.Runners[i].UID, User: f.Runners[i].User, Userns: choices(&f.Runners[i]).userns}
		if t.Binary == "" {
			t = own
		}
		res := Result{Check: "trial", Level: Warn}
		switch writable := f.Runners[i].Shim.WritableBy; {
		case t.UID < 0:
			res.What = "not tried: there is no user " + t.User + " on this machine"
			res.Why, res.Mend = "the runner's unit names him", "sudo systemctl cat "+visible.Word(f.Runners[i].Unit.Name)
		case writable != "" && t != own && os.Geteuid() == 0:
			res.What = "not tried: " + writable + " can be changed by others than root, who could have root start what they like"
			res.Why = "whether a Worker can be isolated is known only from trying"
			res.Mend = "run worker-wrap doctor as " + t.User + ", or put the binary where only root can change it: sudo worker-wrap install"
		default:
			res = try(t)
		}
		r.Runners[i].Results = append(r.Runners[i].Results, res)
	}
	if len(r.Runners) == 0 {
		r.Machine = append(r.Machine, try(own))
	}
	r.conclude()
}
