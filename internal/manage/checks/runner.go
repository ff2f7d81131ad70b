package checks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
)

// waits is the first version whose Listener waits for a cancelled Worker's end before it starts the next
// (actions/runner PR 4553).
const waits = "2.336.0"

// remaining are the overlaps that no version of the runner excludes.
const remaining = "a Worker that outlives its Listener (crash, OOM kill, stop limit; KillMode=process), or two runners with one work folder"

// OfRunner judges one runner.
func OfRunner(of *Runner, m survey.Machine) []Result {
	r := &judged{of, choices(of)}
	var out []Result
	if r.Layout.Guessed {
		out = append(out, Result{Check: "configuration", Level: OK, What: "none yet: an unpacked release, which config.sh or run.sh --jitconfig configures; until then the work folder is taken to be " + r.Layout.Work})
	}
	shims := installed(r)
	out = append(out, version(r, Worst(shims) == OK))
	out = append(out, shims...)
	out = append(out, files(r)...)
	out = append(out, updates(r, m)...)
	out = append(out, privilege(r, m)...)
	out = append(out, settings(r)...)
	out = append(out, isolation(r)...)
	out = append(out, logins(r)...)
	out = append(out, hooks(r)...)
	out = append(out, workFolder(r)...)
	out = append(out, leftovers(r)...)
	out = append(out, processes(r)...)
	out = append(out, lastStart(r)...)
	out = append(out, docker(r)...)
	out = append(out, podman(r)...)
	return out
}

func version(r *judged, wrapped bool) Result {
	res := Result{Check: "version", Level: OK}
	switch {
	case r.Version == "":
		res.Level = Warn
		res.What = "the runner's version is not known"
		res.Why = "neither bin/Runner.Listener.deps.json, nor the link bin, nor a log says it; versions before " + waits + " start a Worker without waiting for the one they cancelled"
		res.Mend = "check that " + visible.Word(r.Layout.Root) + " is a whole runner: " + visible.Word(r.Layout.Bin()+"/Runner.Listener") + " --version"
		return res
	case runner.Before(r.Version, waits):
		res.What = fmt.Sprintf("%s, which does not wait for a Worker that it cancelled (from %s on it does); and as in every version: %s", r.Version, waits, remaining)
	default:
		res.What = fmt.Sprintf("%s, which waits for a Worker that it cancelled; two can still overlap: %s", r.Version, remaining)
	}
	if !wrapped && runner.Before(r.Version, waits) {
		res.Level = Warn
		res.Why = "without worker-wrap each such overlap costs a job its files (actions/runner issue 4357)"
		res.Mend = "install worker-wrap, and let the runner update itself"
	}
	return res
}

func workFolder(r *judged) []Result {
	var out []Result
	fail := func(what, why, mend string) {
		out = append(out, Result{Check: "work folder", Level: Fail, What: what, Why: why, Mend: mend})
	}
	temp, store := r.Temp, r.Leftovers.Store
	if r.Unmade != nil {
		what, mend, _ := strings.Cut(r.Unmade.Error(), ": ")
		fail(what, "no job can run there, with worker-wrap or without", mend)
		return out
	}
	for _, f := range []survey.Folder{r.Work, temp, store} {
		if f.Other && f.Link && f.Path != store.Path {
			fail(f.Path+" is a link that leads to no folder", "no job can run there, with worker-wrap or without", "make the folder it leads to, or remove the link: sudo rm "+visible.Word(f.Path))
		} else if f.Other || f.Link && f.Path == store.Path { // the store is never a link
			fail(f.Path+" is not a folder", "private folders cannot be made or laid there, so "+r.set.shared(), "sudo mv "+visible.Word(f.Path)+" "+visible.Word(f.Path+".old"))
		}
	}
	chown := func(f survey.Folder) string { return "sudo chown " + visible.Word(r.User) + " " + visible.Word(f.Path) }
	if temp.Exists && temp.Link && r.UID >= 0 && temp.UID != r.UID && (r.UID > 0 || temp.LinkUID != 0 && temp.LinkUID != temp.UID) {
		what := fmt.Sprintf("%s leads to a folder of uid %d's, not of %s's", temp.Path, temp.UID, r.User)
		if r.UID == 0 {
			what = fmt.Sprintf("%s is a link of uid %d's to a folder of uid %d's", temp.Path, temp.LinkUID, temp.UID)
		}
		fail(what, "worker-wrap mounts only over folders of the user who runs it, and leads root nowhere by others' links, so "+r.set.shared(),
			"let it lead to a folder of "+r.User+"'s, or if that is meant for root: sudo chown -h root "+visible.Word(temp.Path))
	} else if temp.Exists && r.UID > 0 && temp.UID != r.UID {
		fail(fmt.Sprintf("%s belongs to uid %d, not to %s", temp.Path, temp.UID, r.User),
			"worker-wrap mounts only over folders of the user who runs it, so "+r.set.shared(), chown(temp))
	}
	switch { // as perpid.Make has it
	case !store.Exists || store.Link || r.UID < 0:
	case store.UID != r.UID && store.UID != 0 && (r.UID > 0 || store.UID != temp.UID):
		fail(fmt.Sprintf("%s belongs to uid %d, not to %s", store.Path, store.UID, r.User),
			"its owner could change what a job finds there, so "+r.set.shared(), chown(store))
	case r.Closed == store.Path:
		fail(fmt.Sprintf("%s belongs to uid %d, and its mode %04o does not let %s make folders in it", store.Path, store.UID, store.Mode, r.User),
			"no Worker can have one of its own, so "+r.set.shared(), chown(store)+" && sudo chmod 711 "+visible.Word(store.Path))
	}
	if r.Closed == r.Work.Path && r.Closed != "" {
		fail(fmt.Sprintf("%s belongs to uid %d, and its mode %04o does not let %s make folders in it", r.Work.Path, r.Work.UID, r.Work.Mode, r.User),
			"the store of private folders, "+filepath.Base(store.Path)+", cannot be made, so "+r.set.shared(), chown(r.Work))
	}
	if r.Leftovers.Elsewhere {
		out = append(out, Result{
			Check: "work folder", Level: Warn, What: temp.Path + " is on another file system than " + filepath.Dir(store.Path) + ", which holds private folders",
			Why: "a private job has the room and limits of the second, and files that it moves out of its _temp are copied", Mend: "make " + temp.Path + " a folder of the file system around it, if jobs notice",
		})
	}
	w := r.Work
	if temp.Link && temp.ReadOnly && !w.ReadOnly {
		fail(temp.Path+" leads to a file system that is mounted read-only", "no job can run there", "let it lead elsewhere, or make that writable")
	}
	if w.ReadOnly {
		return append(out, Result{
			Check: "work folder", Level: Fail, What: w.Path + " is on a file system that is mounted read-only",
			Why: "no job can run there", Mend: "sudo mount -o remount,rw \"$(findmnt -no TARGET --target " + visible.Word(existing(w)) + ")\"",
		})
	}
	res := Result{Check: "work folder", Level: OK, What: w.Path + " is on " + w.FS}
	if !w.Exists {
		res.What = w.Path + " does not exist yet, and will be on " + w.FS
	}
	switch w.FS {
	case "nfs", "cifs", "9p", "ceph", "fuse":
		res.Level = Warn
		res.Why = "other machines may use it too, so private folders from before a restart of this machine are never swept by themselves; each job's files also travel over it"
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

func leftovers(r *judged) []Result {
	l := r.Leftovers
	gc := r.do("gc")
	size := screen.Size(l.Bytes)
	if l.Partial {
		size = "more than " + size
	}
	switch {
	case l.Store.Other || l.Store.Link:
		return nil // said with the work folder
	case l.Err != nil && !errors.Is(l.Err, os.ErrPermission):
		return []Result{{Check: "leftovers", Level: Warn, What: l.Err.Error(), Why: "private folders cannot be made or swept there", Mend: "mv " + visible.Word(l.Store.Path) + " " + visible.Word(l.Store.Path+".old")}}
	case l.Err != nil:
		return []Result{{Check: "leftovers", Level: OK, What: l.Store.Path + " can be looked into only by its owner and root"}}
	case l.Undeletable > 0:
		return []Result{{
			Check: "leftovers", Level: Warn, What: fmt.Sprintf("%d of %d dead Workers' folders could not be deleted (%s in all)", l.Undeletable, l.Undeletable+l.Dead, size),
			Why: "they hold files that " + r.User + " may not delete, such as those a container made as root", Mend: "sudo " + gc,
		}}
	case l.Unknown > 0:
		return []Result{{
			Check: "leftovers", Level: Warn, What: screen.Count(l.Unknown, "private folder") + " of another PID namespace or machine",
			Why: "whether their owners live cannot be told from here, so nothing sweeps them from here", Mend: "if that container or machine is gone, delete them in " + l.Store.Path,
		}}
	case l.Dead > 0:
		return []Result{{Check: "leftovers", Level: OK, What: screen.Count(l.Dead, "folder") + " of dead Workers (" + size + "), which the next start sweeps"}}
	}
	return []Result{{Check: "leftovers", Level: OK, What: "none"}}
}

func lastStart(r *judged) []Result {
	e := r.Last
	if e == nil {
		return nil
	}
	when := e.Time.Local().Format(time.DateTime + " MST")
	switch {
	case e.Unisolated:
		return []Result{{
			Check: "last start", Level: Fail, What: fmt.Sprintf("at %s a job ran without a _temp of its own: %s", when, e.Error),
			Why: "until that is mended, " + r.set.shared(), Mend: "mend the cause named here; the next job's start shows whether that was all",
		}}
	case e.Error != "":
		return []Result{{
			Check: "last start", Level: Warn, What: fmt.Sprintf("at %s a job was not started: %s", when, e.Error),
			Why: "until that is mended, the next one is not started either", Mend: "mend the cause named here and the lines marked above",
		}}
	}
	return []Result{{Check: "last start", Level: OK, What: when + ", " + e.Outcome + e.After()}}
}
