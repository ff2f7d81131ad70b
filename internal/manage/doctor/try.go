package doctor

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/trial"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// TryAll starts a process for each runner as its Listener would start a Worker, in its own folders and as its user. It
// adds the results. The results of a trial go before facts that were only read. If a runner has no shim, or there is no
// runner, the binary at fallback is tried as the doctor's own user: the capability that others need comes with an
// install.
func (r *Report) TryAll(f checks.Facts, fallback string) {
	var places []trial.Places
	var then []func(trial.Tried)
	try := func(p trial.Places, judge func(trial.Tried)) { places, then = append(places, p), append(then, judge) }
	own := func(add func(checks.Result)) {
		p := trial.Places{Layout: runner.Layout{Guessed: true}, Binary: fallback, UID: os.Getuid()}
		try(p, func(t trial.Tried) { add(outcome(p, t, users.Name(p.UID), "no job would be protected", f.Command)[0]) })
	}
	var bare []*RunnerReport
	for i := range f.Runners {
		of, to := &f.Runners[i], &r.Runners[i]
		p, untried := trialOf(of, f.Machine.Self)
		switch {
		case p.Binary == "":
			bare = append(bare, to)
		case untried != nil:
			to.Results = append(to.Results, *untried)
		default:
			p.In = trial.UnitOf(&of.Unit)
			try(p, func(t trial.Tried) { to.judge(outcome(p, t, of.User, checks.Shared(of), f.Command), inPlace(p, t)) })
		}
	}
	if len(bare) > 0 {
		own(func(res checks.Result) {
			for _, to := range bare {
				to.Results = append(to.Results, res)
			}
		})
	}
	if len(r.Runners) == 0 {
		own(func(res checks.Result) { r.Machine = append(r.Machine, res) })
	}
	for i, t := range trial.All(places) {
		then[i](t)
	}
	r.conclude()
}

// TryIfNeeded does so if reading does not tell: what a profile of AppArmor's allows, and whether that is mended which the last
// start met.
func (r *Report) TryIfNeeded(f checks.Facts, fallback string) {
	needed := f.Machine.Self.Confined()
	for i := range r.Runners {
		needed = needed || checks.Worst(r.Machine) != checks.Fail && r.Runners[i].onlyLast()
	}
	if needed {
		r.TryAll(f, fallback)
	}
}

// onlyLast reports whether nothing keeps a runner from being protected but, perhaps, what its last start met.
func (r *RunnerReport) onlyLast() (only bool) {
	for _, res := range r.Results {
		last := res.Check == "last start"
		if res.Level == checks.Fail && !last {
			return false
		}
		only = only || last && res.Level != checks.OK
	}
	return only
}

// trialOf returns how the start of a runner's Worker is tried, and why that is not done, nil if it can be. Root starts
// nothing that others can change: who owns a runner chooses what its shim is, and by .service as whose it would be started.
func trialOf(of *checks.Runner, self survey.Process) (p trial.Places, untried *checks.Result) {
	p = trial.Places{Layout: of.Layout, Binary: of.Shim.Path, UID: of.UID, Env: of.Env()}
	res := checks.Result{Check: "trial", Level: checks.Warn, Why: "whether a Worker can be isolated is known only from trying"}
	switch writable := of.Shim.WritableBy; {
	case p.UID < 0:
		res.What = "not tried: there is no user " + of.User + " on this machine"
		res.Why, res.Mend = "the runner's unit names that user", "sudo systemctl cat "+visible.Word(of.Unit.Name)
	case writable != "" && os.Geteuid() == 0:
		res.What = "not tried: " + writable + " can be changed by others than root, and root is not to start a program of theirs"
		res.Mend = "run " + of.Command.Do("doctor") + " as " + of.User + ", or put the binary where only root can change it: sudo " + of.Command.On("install", of.Layout.Root)
	case !trial.Possible(p.UID):
		res.What, res.Mend = "not tried: only root can start a process as "+of.User, "sudo "+of.Command.Do("doctor")
	case of.Listener != nil && self.NoNewPrivs && !of.Listener.NoNewPrivs && p.UID != 0:
		res.What = fmt.Sprintf("not tried: this doctor runs with no_new_privs, and the Listener (PID %d) does not", of.Listener.PID)
		res.Mend = "run " + of.Command.Do("doctor") + " as the Listener is run, as " + of.User
	default:
		return p, nil
	}
	return p, &res
}

// disproved are the checks whose problems a start would have met. That the way to the binary is barred is none: root starts
// what it holds open.
var disproved = []string{"privilege", "nosuid", "noexec", "work folder", "last start"}

// inPlace reports whether a trial was made as a job's start is: by the unit, and in the folder that jobs run in.
func inPlace(p trial.Places, t trial.Tried) bool {
	return p.In.InPlace && (!t.Scratch || p.Layout.Guessed && p.In.Name == "")
}

// judge adds the results of a trial. If it went well in the place where a job's start is made, nothing that it would have
// met is a problem.
func (r *RunnerReport) judge(results []checks.Result, inPlace bool) {
	well := results[0].Level == checks.OK && inPlace
	var kept []checks.Result
	for _, res := range r.Results {
		switch {
		case res.Check == "private" && res.Level == checks.OK && strings.Contains(results[0].What, survey.SettingsPrefix+"PRIVATE"):
			continue // no Worker has them
		case well && res.OfUnit && res.Level == checks.Fail:
			continue
		case well && res.Level == checks.Fail && slices.Contains(disproved, res.Check):
			res.Level, res.Why = checks.Warn, res.Why+"; but the trial below went well"
		}
		if res.Check == "docker" && res.Level != checks.OK { // that says it, and what mends it
			results = slices.DeleteFunc(results, func(tried checks.Result) bool { return tried.Check == "docker" })
		}
		kept = append(kept, res)
	}
	r.Results = append(kept, results...)
}

// outcome says what came of a trial. The first result is on the trial itself.
func outcome(p trial.Places, t trial.Tried, user, without string, c program.Command) []checks.Result {
	res := checks.Result{Check: "trial", Level: checks.OK}
	where := ""
	if p.In.Name != "" && !t.Scratch {
		where = " as systemd starts the unit " + p.In.Name
	}
	if t.Refused != nil {
		res.Level, res.Why = checks.Fail, "until that is mended, "+without
		res.What = fmt.Sprintf("a start for %s%s was tried, and refused: %v", user, where, t.Refused)
		res.Mend = "mend the lines marked above; if there is none, do what this line says"
	} else {
		place := p.Layout.Work
		switch {
		case t.Scratch && p.Layout.Guessed:
			place = "a scratch folder"
		case t.Scratch:
			place = "a scratch folder, as " + p.Layout.Work + " does not exist yet"
		}
		res.What = fmt.Sprintf("a process of %s was started through %s%s in %s: its _temp was its own", user, p.Binary, where, place)
		if where == "" {
			res.What += ", and not to be seen from outside"
		}
	}
	if p.In.Not != "" && res.Level == checks.OK {
		res.Level, res.What = checks.Warn, res.What+"; not so as systemd starts the unit, which has "+p.In.Not
		res.Why, res.Mend = "what its jobs find there was only read, and not tried", "see whether "+c.Do("ps")+" shows the Worker of a job"
	}
	out := []checks.Result{res}
	if t.Left != nil {
		out = append(out, checks.Result{Check: "trial", Level: checks.Warn, What: "the trial has left something: " + t.Left.Error(), Why: "the next start sweeps what it can", Mend: "sudo " + c.On("gc", p.Layout.Root)})
	}
	if line, said := strings.CutPrefix(t.Said, "containers will not see"); said {
		out = append(out, checks.Result{Check: "docker", Level: checks.Fail, What: "in the trial, containers would not see" + line, Why: "outputs of container steps are lost, or come to another job", Mend: "do what the line says"})
	}
	return out
}
