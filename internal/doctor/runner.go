package doctor

import (
	"errors"
	"fmt"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/events"
	"github.com/worker-wrap/worker-wrap/internal/shim"
	"github.com/worker-wrap/worker-wrap/internal/survey"
)

// waits is the first version whose Listener waits for a cancelled Worker's end before it starts the next
// (actions/runner PR 4553).
const waits = "2.336.0"

// remaining are the overlaps that no version of the runner excludes.
const remaining = "a Worker that outlives its Listener (crash, OOM kill, stop limit; KillMode=process), or two runners with one work folder"

// oneRunner judges one runner.
func oneRunner(r *survey.Runner, m survey.Machine) []Result {
	var out []Result
	shims := installed(r)
	out = append(out, version(r, worst(shims) == OK))
	out = append(out, shims...)
	out = append(out, privilege(r, m)...)
	out = append(out, settings(r)...)
	out = append(out, workFolder(r)...)
	out = append(out, leftovers(r)...)
	out = append(out, lastStart(r)...)
	out = append(out, docker(r)...)
	out = append(out, podman(r)...)
	return out
}

func version(r *survey.Runner, wrapped bool) Result {
	res := Result{Check: "version", Level: OK}
	switch {
	case r.Version == "":
		res.Level = Warn
		res.What = "the runner's version is not known"
		res.Why = "neither bin/Runner.Listener.deps.json, nor the link bin, nor a log says it; versions before " + waits + " start a Worker without waiting for the one they cancelled"
		res.Mend = "check that " + quote(r.Layout.Root) + " is a whole runner: " + quote(r.Layout.Bin()+"/Runner.Listener") + " --version"
		return res
	case survey.Before(r.Version, waits):
		res.What = fmt.Sprintf("%s, which does not wait for a Worker that it cancelled (from %s on it does); and as in every version: %s", r.Version, waits, remaining)
	default:
		res.What = fmt.Sprintf("%s, which waits for a Worker that it cancelled; two can still overlap: %s", r.Version, remaining)
	}
	if !wrapped && survey.Before(r.Version, waits) {
		res.Level = Warn
		res.Why = "without worker-wrap each such overlap costs a job its files (actions/runner issue 4357)"
		res.Mend = "install worker-wrap, and let the runner update itself"
	}
	return res
}

// installed looks at what stands in the Worker's place.
func installed(r *survey.Runner) []Result {
	install := "sudo worker-wrap install --runner-root " + quote(r.Layout.Root)
	if len(r.Bins) == 0 || !r.Bins[0].Current {
		return []Result{{
			Check: "shim", Level: Fail, What: r.Layout.Bin() + " leads nowhere",
			Why: "the runner cannot start; an update may have been cut short", Mend: "unpack the runner's release over " + quote(r.Layout.Root) + ", then: " + install,
		}}
	}
	var out []Result
	for _, b := range r.Bins {
		res := Result{Check: "shim", Level: Fail, Mend: install}
		worker := b.Dir + "/Runner.Worker"
		switch b.State {
		case survey.Wrapped:
			res = Result{Check: "shim", Level: OK, What: "in place in " + b.Dir}
		case survey.Plain:
			res.What = worker + " is the runner's own"
			res.Why = "jobs share one _temp"
		case survey.NoReal:
			res.What = worker + " is worker-wrap, and Runner.Worker.real beside it is missing"
			res.Why = "no job can start"
		case survey.RealIsShim:
			res.What = b.Dir + "/Runner.Worker.real is worker-wrap too"
			res.Why = "no job can start: the runner's own Worker is lost"
			res.Mend = "unpack the runner's release over " + quote(r.Layout.Root) + ", then: " + install
		case survey.Dangling:
			res.What = worker + " is a link to a file that is gone"
			res.Why = "no job can start: worker-wrap was removed without uninstalling it"
		default:
			res.What = b.Dir + " has no Runner.Worker"
			res.Why = "no job can start"
			res.Mend = "unpack the runner's release over " + quote(r.Layout.Root) + ", then: " + install
		}
		if !b.Current {
			res.What += " (waits for the runner's update)"
			if res.Level == Fail {
				res.Level = Warn
				res.Why += " from the update on, unless something puts the shim in place before"
			}
		}
		out = append(out, res)
	}
	return out
}

func settings(r *survey.Runner) []Result {
	if _, err := shim.ParseSettings(r.Env); err != nil {
		return []Result{{
			Check: "settings", Level: Fail, What: fmt.Sprintf("%s/.env: %v", r.Layout.Root, err),
			Why: "no job starts with it", Mend: "correct the line, then restart the runner, which reads the file only when it starts",
		}}
	}
	return nil
}

func workFolder(r *survey.Runner) []Result {
	owned := func(f survey.Folder) []Result {
		if !f.Exists || r.UID <= 0 || f.UID == r.UID {
			return nil
		}
		return []Result{{
			Check: "work folder", Level: Fail, What: fmt.Sprintf("%s belongs to uid %d, not to %s", f.Path, f.UID, r.User),
			Why: "worker-wrap mounts only over folders of the user who runs it, so no job starts", Mend: "sudo chown " + quote(r.User) + " " + quote(f.Path),
		}}
	}
	out := append(owned(r.Temp), owned(r.Leftovers.Store)...)
	w := r.Work
	if w.ReadOnly {
		return append(out, Result{
			Check: "work folder", Level: Fail, What: w.Path + " is on a file system that is mounted read-only",
			Why: "no job can run there", Mend: "sudo mount -o remount,rw \"$(findmnt -no TARGET --target " + quote(existing(w)) + ")\"",
		})
	}
	res := Result{Check: "work folder", Level: OK, What: w.Path + " is on " + w.FS}
	switch w.FS {
	case "nfs", "cifs", "9p", "ceph", "fuse":
		res.Level = Warn
		res.Why = "other machines may use it too, so per-PID folders from before a restart of this machine are never swept by themselves; each job's files also travel over it"
		res.Mend = "move the work folder to a local file system (config.sh --work), or remove old folders by hand in " + r.Leftovers.Store.Path
	case "vfat", "exfat", "ntfs":
		res.Level = Warn
		res.Why = "it keeps no owners and modes, which jobs rely on"
		res.Mend = "move the work folder to a file system of Linux's own (config.sh --work)"
	}
	return append(out, res)
}

func existing(f survey.Folder) string {
	if f.Exists {
		return f.Path
	}
	return "/"
}

func leftovers(r *survey.Runner) []Result {
	l := r.Leftovers
	gc := "worker-wrap gc --runner-root " + quote(r.Layout.Root)
	size := Size(l.Bytes)
	if l.Partial {
		size = "more than " + size
	}
	switch {
	case l.Err != nil && !errors.Is(l.Err, os.ErrPermission):
		return []Result{{Check: "leftovers", Level: Warn, What: l.Err.Error(), Why: "per-PID folders cannot be made or swept there", Mend: "move it out of the way: mv " + quote(l.Store.Path) + " " + quote(l.Store.Path+".old")}}
	case l.Err != nil:
		return []Result{{Check: "leftovers", Level: OK, What: l.Store.Path + " can be looked into only by its owner and root"}}
	case l.Undeletable > 0:
		return []Result{{
			Check: "leftovers", Level: Warn, What: fmt.Sprintf("%d of %d dead Workers' folders could not be deleted (%s in all)", l.Undeletable, l.Undeletable+l.Dead, size),
			Why: "they hold files that " + r.User + " may not delete, such as those a container made as root", Mend: "sudo " + gc,
		}}
	case l.Unknown > 0:
		return []Result{{
			Check: "leftovers", Level: Warn, What: fmt.Sprintf("%d per-PID folders belong to another PID namespace or machine", l.Unknown),
			Why: "whether their owners live cannot be told from here, so nothing sweeps them from here", Mend: "where no such container or machine is left, delete them in " + l.Store.Path,
		}}
	case l.Dead > 0:
		return []Result{{Check: "leftovers", Level: OK, What: fmt.Sprintf("%d folders of dead Workers (%s), which the next start sweeps", l.Dead, size)}}
	}
	return []Result{{Check: "leftovers", Level: OK, What: "none"}}
}

func lastStart(r *survey.Runner) []Result {
	e := r.Last
	if e == nil {
		return nil
	}
	when := e.Time.Local().Format("2006-01-02 15:04:05")
	switch {
	case e.Kind == events.Fallback && e.Outcome == "plain":
		return []Result{{
			Check: "last start", Level: Warn, What: fmt.Sprintf("at %s a job ran without a _temp of its own: %s", when, e.Error),
			Why: "this is what the runner's settings ask for where isolation fails", Mend: "mend what is named here, or take WORKER_WRAP_FALLBACK out of " + quote(r.Layout.Root+"/.env"),
		}}
	case e.Error != "":
		return []Result{{Check: "last start", Level: Warn, What: fmt.Sprintf("at %s: %s", when, e.Error), Why: "that job may not have run as it should", Mend: "see the other results here, and the job's log"}}
	}
	return []Result{{Check: "last start", Level: OK, What: when + ", " + e.Outcome}}
}
