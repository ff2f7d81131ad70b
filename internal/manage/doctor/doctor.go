package doctor

import (
	"errors"
	"io/fs"

	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// Judge runs every check on the facts.
func Judge(f checks.Facts) Report {
	report := Report{Machine: checks.OfMachine(f), Runners: []RunnerReport{}}
	for i := range f.Runners {
		r := &f.Runners[i]
		report.Runners = append(report.Runners, RunnerReport{
			Root: r.Layout.Root, User: r.User, Version: r.Version, Results: checks.OfRunner(r, f.Machine),
		})
	}
	for _, b := range f.Broken {
		report.Runners = append(report.Runners, broken(b, f.Command))
	}
	report.conclude()
	return report
}

// broken is the report on a runner whose .runner is no help.
func broken(b checks.Broken, c program.Command) RunnerReport {
	res := checks.Result{
		Check: "configuration", Level: checks.Fail, What: b.Error(),
		Why: "neither the runner nor worker-wrap can start a job without it", Mend: "correct the file, or configure the runner again (config.sh)",
	}
	unknown := errors.Is(b.Err, fs.ErrPermission)
	if unknown {
		res.Level, res.Why, res.Mend = checks.Warn, "whether its jobs are protected cannot be told", "sudo "+c.On("doctor", b.Root)
	}
	return RunnerReport{Root: b.Root, User: b.User, Unknown: unknown, Results: []checks.Result{res}}
}

// conclude says of each runner whether it is protected. What is wrong with the machine is wrong for
// all of them.
func (r *Report) conclude() {
	for i := range r.Runners {
		r.Runners[i].Protected = !r.Runners[i].Unknown && checks.Worst(r.Machine) != checks.Fail && checks.Worst(r.Runners[i].Results) != checks.Fail
	}
}
