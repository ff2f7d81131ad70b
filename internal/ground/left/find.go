package left

import (
	"errors"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/nsenter"
)

// Place is where one runner's records are.
type Place struct {
	Root string
	Diag *os.File // the open _diag
}

// Found has the processes that jobs left.
type Found struct {
	Processes []Process
	// Hidden is how many processes the caller may not look into that have started since the oldest of the jobs. A
	// set-group-ID program is one to its own user.
	Hidden int
	// Noted is how many Workers have been noted, living ones and dead ones of which something may be left.
	Noted int
}

// Find returns what the jobs of dead Workers have left, and deletes the records of those that have left nothing.
func Find(places []Place) (Found, error) {
	var f *finder
	for _, p := range places {
		jobs, err := records(p.Diag)
		if err == nil && f == nil && len(jobs) > 0 {
			f, err = newFinder("/proc")
		}
		if err != nil {
			return Found{}, err
		}
		for _, j := range jobs {
			f.add(j, p.Root)
		}
	}
	if f == nil {
		return Found{}, nil
	}
	return f.find()
}

// finder looks for what some jobs have left.
type finder struct {
	proc  string
	boot  time.Time // of the machine
	judge *perpid.Judge
	own   []nsenter.MountNS // nothing in these is any job's
	jobs  []*found
	// living are of Workers that live: whatever another record says, nothing in their namespaces is ended.
	living []*job
	noted  int
}

// found is a dead Worker's job, and what of it was found.
type found struct {
	*job
	root   string
	held   bool // the caller holds its namespace open
	list   []Process
	busy   string    // why nothing of it is ended
	hidden []Process // what may be of it, and cannot be looked into
}

func newFinder(proc string) (*finder, error) {
	self, err := perpid.Self()
	if err != nil {
		return nil, err
	}
	boot, err := procfs.Booted(proc)
	if err != nil {
		return nil, err
	}
	f := &finder{proc: proc, boot: boot, judge: perpid.NewJudge(self, false)}
	for _, link := range []string{"/self/ns/mnt", "/1/ns/mnt"} {
		if ns, err := nsenter.MountNSAt(proc + link); err == nil {
			f.own = append(f.own, ns)
		}
	}
	return f, nil
}

// add takes a job in, if its Worker is dead. Of another boot nothing lives, and after it the kernel gives the same IDs
// again.
func (f *finder) add(j *job, root string) {
	self := f.judge.Self
	if j.worker.BootKnown() && self.BootKnown() && j.worker.Boot != self.Boot {
		if j.worker.PIDNS == self.PIDNS {
			j.remove()
		}
		return
	}
	switch f.judge.Verdict(j.worker, time.Now()) {
	case perpid.Living:
		f.noted++
		f.living = append(f.living, j)
	case perpid.Dead:
		f.noted++
		f.jobs = append(f.jobs, &found{job: j, root: root})
	}
}

// find looks through all processes.
func (f *finder) find() (out Found, err error) {
	if len(f.jobs) == 0 {
		return Found{Noted: f.noted}, nil
	}
	all, err := procfs.PIDs(f.proc)
	if err != nil {
		return Found{Noted: f.noted}, err
	}
	sure := slices.DeleteFunc(slices.Clone(f.jobs), func(j *found) bool { return !j.sealed })
	f.jobs = append(sure, slices.DeleteFunc(f.jobs, func(j *found) bool { return j.sealed })...) // what was made up hides none
	for _, pid := range all {
		p, err := lookAt(f.proc, pid)
		switch {
		case errors.Is(err, errHidden):
			if f.hides(p) {
				out.Hidden++
			}
		case err == nil && pid != os.Getpid() && !slices.Contains(f.own, p.ns):
			f.match(p)
		}
	}
	for _, j := range f.jobs {
		if len(j.list)+len(j.hidden) == 0 && !j.held {
			f.noted--
			j.remove()
		}
		for i := range j.list {
			p := &j.list[i]
			p.fill(f.proc, f.boot)
			p.Runner, p.Worker, p.Begun = j.root, j.worker.PID, j.Begun
			p.Why = f.why(j, p)
		}
		out.Processes = append(out.Processes, j.list...)
	}
	slices.SortStableFunc(out.Processes, func(a, b Process) int { return a.Since.Compare(b.Since) })
	out.Noted = f.noted
	return out, nil
}

// hides reports whether a process that cannot be looked into may be what a job has left: one that started while that
// ran.
func (f *finder) hides(p Process) (may bool) {
	since := procfs.Since(f.boot, p.start)
	for _, j := range f.jobs {
		if p.start >= j.worker.Start && !j.keeps(p) && (j.ended.IsZero() || since.Before(j.ended.Add(time.Second))) {
			may, j.hidden = true, append(j.hidden, p)
		}
	}
	return may
}

// keeps reports whether a process is the one that sweeps after the Worker and records its end. It may be in the job's
// namespace.
func (j *job) keeps(p Process) bool { return p.PID == j.keeper.PID && p.start == j.keeper.Start }

func (f *finder) match(p Process) {
	for _, j := range f.jobs {
		if j.is(p.ns) && !j.keeps(p) {
			j.list = append(j.list, p)
			if runs(f.proc, p.PID) {
				j.busy = "a runner's own process lives in its namespace"
			}
			if slices.ContainsFunc(f.living, func(other *job) bool { return other.is(p.ns) }) {
				j.busy = "its namespace is on record as a living Worker's"
			}
			return
		}
	}
}

// why returns why a process is not ended, "" if it is.
func (f *finder) why(j *found, p *Process) string {
	switch {
	case !j.sure() && !j.held && f.judge.Verdict(j.keeper, time.Now()) != perpid.Living:
		return "perhaps another's: this machine tells no IDs of namespaces and boots (Linux 6.11 does), and the job's keeper has ended"
	case os.Geteuid() == 0 && !j.sealed && (j.uid < 0 || p.UID != j.uid):
		return "perhaps another's: the record could have been made up, as its file system keeps no seal (trusted extended attributes)"
	case entered(f.proc, p.PID):
		return "a person's: worker-wrap enter has started it"
	}
	return j.busy
}

// Alive reports whether a process lives still.
func (p *Process) Alive() bool {
	fd, err := p.open("/proc")
	if err == nil {
		unix.Close(fd)
	}
	return err == nil
}
