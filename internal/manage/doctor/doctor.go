package doctor

import (
	"errors"
	"io/fs"

	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Gather collects the facts about this machine, the runners with these layouts, and those that have none.
func Gather(layouts []runner.Layout, broken []*runner.ConfigError, captured bool) Facts {
	s := survey.System{}.Once(layouts)
	f := Facts{Machine: s.Machine(), Captured: captured}
	for _, err := range broken {
		b := Broken{err, "?"}
		if root := survey.FolderAt(err.Root); root.Exists {
			b.User = users.Name(root.UID)
		}
		f.Broken = append(f.Broken, b)
	}
	for _, layout := range layouts {
		f.Runners = append(f.Runners, gather(s, layout))
	}
	return f
}

// gather collects those about one runner.
func gather(s survey.System, layout runner.Layout) Runner {
	r := Runner{Runner: s.Runner(layout)}
	r.Install, r.InstallErr = entry.Inspect(layout)
	if b := r.current(); b.Wrapped() {
		r.Shim = program.BinaryAt(b.Program())
		r.OldUnits = machine.Machine{Self: r.Shim.Path}.OutdatedUnits(layout)
		r.Barred = users.BarredFrom(r.Shim.Path, r.UID)
	}
	r.Left, _ = left.Of(layout) // what cannot be looked into is not known to be left
	r.Strays = s.Strays(&r.Runner)
	return r
}

// current is the bin folder that the Listener runs from, the zero Bin where there is none.
func (r *Runner) current() entry.Bin {
	if len(r.Install.Bins) > 0 && r.Install.Bins[0].Current {
		return r.Install.Bins[0]
	}
	return entry.Bin{}
}

// Judge runs every check on the facts.
func Judge(f Facts) Report {
	report := Report{Machine: ofMachine(f), Runners: []RunnerReport{}}
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
