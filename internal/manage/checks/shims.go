package checks

import (
	"strings"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
)

// installed looks at what stands in the Worker's place.
func installed(r *judged) []Result {
	put := "sudo " + r.do("install")
	unpack := "unpack the runner's release again over " + visible.Word(r.Layout.Root) + ", then: " + put
	if r.InstallErr != nil {
		return []Result{{Check: "shim", Level: Warn, What: r.InstallErr.Error(), Why: "whether the shim is in place cannot be told", Mend: "sudo " + r.Command.Do("doctor")}}
	}
	if r.current().Dir == "" {
		return []Result{{
			Check: "shim", Level: Fail, What: r.Layout.Bin() + " leads nowhere",
			Why: "the runner cannot start; an update may have been cut short", Mend: unpack,
		}}
	}
	var out []Result
	for _, b := range r.Install.Bins {
		if !b.Current && !b.Waiting {
			continue // an old version, which the runner will delete
		}
		res := standing(b, put, r.Command)
		if err := r.Unrunnable[b.Dir]; err != nil && res.Level != Fail {
			res = Result{Check: "shim", Level: Fail, Why: "no job can start"}
			res.What, res.Mend, _ = strings.Cut(err.Error(), ": ")
		}
		switch {
		case res.Level != Fail:
		case res.Mend == "":
			res.Mend = put
		case res.Mend == lost:
			res.Mend = unpack
		}
		if !b.Current {
			res = waiting(res, r)
		}
		out = append(out, res)
	}
	return out
}

// files looks at those of the runner's own that have nothing in them.
func files(r *judged) []Result {
	if len(r.Empty) == 0 {
		return nil
	}
	return []Result{{
		Check: "files", Level: Fail, What: "0 bytes long: " + strings.Join(r.Empty, ", "),
		Why:  "the runner, or a job, cannot start: an update was cut short, or the disk was full",
		Mend: "see that the disk has room (df), unpack the runner's release again over " + visible.Word(r.Layout.Root) + ", then: sudo " + r.do("install"),
	}}
}

// lost is put in place of a command if an install alone does not help.
const lost = "unpack"

// standing judges one bin folder. put is the command that installs there.
func standing(b entry.Bin, put string, c program.Command) Result {
	res := Result{Check: "shim", Level: Fail, Why: "no job can start"}
	worker := b.Dir + "/" + runner.WorkerName
	switch b.Kind() {
	case entry.Installed:
		res = Result{Check: "shim", Level: OK, What: "in place in " + b.Dir}
		if _, scripted := runner.Entry(b.Target); b.Linked && scripted {
			res.What += ", by a link: a release that is copied over it as root (cp -r) is written to " + b.Target + "; an install changes that"
		}
		if names := b.Unnamed(); len(names) > 0 {
			res.Level, res.Why = Warn, "if it looks for "+runner.WorkerName+"."+names[0]+" by its own name, a job that is alone does not start: it lacks the link "+runner.KeptWorkerName+"."+names[0]
			res.What, res.Mend = "in place in "+b.Dir+", before another tool's wrapper", put
		}
	case entry.Circle:
		res.What = worker + " starts another tool's wrapper, beside which " + b.Moved[0].Name + " starts worker-wrap again"
		res.Why = "no job can start if the wrapper starts that"
	case entry.Behind:
		if !b.Wrapped() {
			res.What = worker + " is another tool's, and " + b.By.Name + " beside it starts a worker-wrap that is not there, or is a link to it: " + b.By.Target
			break
		}
		return Result{
			Check: "shim", Level: Warn, What: worker + " is another tool's, and worker-wrap is " + b.By.Name + " beside it",
			Why:  "a job is protected if that tool starts it by this name, which cannot be told from here",
			Mend: "see whether " + c.Do("ps") + " shows the Worker of a job; if not, take that tool out, and then: " + put,
		}
	case entry.Covered:
		res.What, res.Why = worker+" is neither worker-wrap nor for sure the runner's own: another tool has put it over the shim", "jobs share one _temp"
	case entry.Unclear:
		res.What, res.Why = (&entry.UnclearError{Dir: b.Dir}).Error(), "jobs share one _temp"
		what, mend, _ := strings.Cut(res.What, ": ")
		res.What, res.Mend = what, mend
	case entry.NotInstalled:
		res.What, res.Why = worker+" is the runner's own", "jobs share one _temp"
		if b.Real != entry.Missing {
			res.What = worker + " is not worker-wrap, and another tool keeps " + runner.RealWorkerName + " beside it"
		}
	case entry.Half:
		res.What, res.Why = worker+" is the runner's own still: an install was cut short", "jobs share one _temp"
	case entry.Replaced:
		res.What, res.Why = worker+" is the runner's own: an update or a person has put it over the shim", "jobs share one _temp"
	case entry.Gone:
		res.What, res.Why = worker+" starts a worker-wrap that is not there: "+b.Target, "no job can start, and the runner gets no word of why"
	case entry.Unlinked:
		res.What = worker + " is missing; the runner's own Worker is kept beside it"
	case entry.Lost:
		what, _, _ := strings.Cut((&entry.LostError{Dir: b.Dir, Behind: b.By.Name}).Error(), ": ")
		res.What, res.Mend = what, lost
	default:
		res.What, res.Mend = b.Dir+" has no "+runner.WorkerName, lost
	}
	return res
}

// waiting turns a result for the version that the runner will use next into what it means now.
func waiting(res Result, r *judged) Result {
	res.What += " (waits for the runner's update)"
	switch {
	case res.Level == OK:
	case r.Install.Copying && r.Keeper != "":
		return Result{Check: res.Check, Level: OK, What: res.What + "; it is being copied, and the shim follows before it is used"}
	default:
		res.Level = Warn
		res.Why = "from the update on, unless the shim is put in place before: " + res.Why
	}
	return res
}
