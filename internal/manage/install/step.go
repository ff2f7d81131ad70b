package install

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/untrusted"
)

// Step is one thing to do. After each, whatever happens next, the runner can start a job.
type Step struct {
	What string // for people: "/r/bin.2.336.0: keep the runner's own Worker as Runner.Worker.real"
	do   func(*os.Root) error
}

// wrapSteps plans what makes Runner.Worker in b a link to place, with the runner's own Worker beside it.
func wrapSteps(b Bin, place string) ([]Step, error) {
	var steps []Step
	add := func(what string, do func(*os.Root) error) {
		steps = append(steps, Step{b.Dir + ": " + what, do})
	}
	kind := b.Kind()
	if kind == Installed && b.Target == place && len(b.Left) == 0 {
		return nil, nil
	}
	switch kind {
	case Lost:
		return nil, &LostError{b.Dir}
	case Empty:
		return nil, &EmptyError{b.Dir}
	}
	tidySteps(b, add)
	switch {
	case kind == NotInstalled:
		add("keep the runner's own Worker as "+runner.RealWorkerName, func(r *os.Root) error {
			return r.Link(runner.WorkerName, runner.RealWorkerName)
		})
	case kind == Replaced, kind == Half && !b.Same:
		// What is in the Worker's place is what the runner would start: what was kept before is older.
		add("take the Worker that is in place for "+newReal, func(r *os.Root) error {
			return r.Link(runner.WorkerName, newReal)
		})
		add("keep it as "+runner.RealWorkerName, func(r *os.Root) error {
			return r.Rename(newReal, runner.RealWorkerName)
		})
	}
	if kind == Installed && b.Target == place {
		return steps, nil
	}
	add("make the link "+newLink+" to "+place, func(r *os.Root) error {
		// Root's, if root makes it. To give it away by its name would be to give away whatever the folder's
		// owner puts there in that moment; a link's owner matters to nobody.
		return r.Symlink(place, newLink)
	})
	add("put it in place of "+runner.WorkerName, func(r *os.Root) error {
		return r.Rename(newLink, runner.WorkerName)
	})
	return steps, nil
}

// unwrapSteps plans what leaves the runner's own Worker in b, and nothing of ours.
func unwrapSteps(b Bin) ([]Step, error) {
	var steps []Step
	add := func(what string, do func(*os.Root) error) {
		steps = append(steps, Step{b.Dir + ": " + what, do})
	}
	tidySteps(b, add)
	switch b.Kind() {
	case Installed, Gone, Unlinked:
		add("put the runner's own Worker back in its place", func(r *os.Root) error {
			return r.Rename(runner.RealWorkerName, runner.WorkerName)
		})
	case Half, Replaced:
		add("remove "+runner.RealWorkerName+": the runner's own Worker is in its place", func(r *os.Root) error {
			return r.Remove(runner.RealWorkerName)
		})
	case Lost:
		return nil, &LostError{b.Dir}
	}
	return steps, nil
}

// moment is longer than a start takes to open the Worker that is kept, from when the Listener has started the
// shim.
const moment = 300 * time.Millisecond

// unwrapInUseSteps plans the same for the bin from which a Listener may start a Worker just now: a shim that
// has started finds the Worker that it looks for.
func unwrapInUseSteps(b Bin) ([]Step, error) {
	if b.Kind() != Installed {
		return unwrapSteps(b)
	}
	var steps []Step
	add := func(what string, do func(*os.Root) error) {
		steps = append(steps, Step{b.Dir + ": " + what, do})
	}
	tidySteps(b, add)
	add("take the runner's own Worker for "+newReal, func(r *os.Root) error {
		return r.Link(runner.RealWorkerName, newReal)
	})
	add("put it back in its place", func(r *os.Root) error {
		return r.Rename(newReal, runner.WorkerName)
	})
	add("remove "+runner.RealWorkerName, func(r *os.Root) error {
		time.Sleep(moment)
		return r.Remove(runner.RealWorkerName)
	})
	return steps, nil
}

func tidySteps(b Bin, add func(string, func(*os.Root) error)) {
	for _, name := range b.Left {
		add("remove "+name+", left by a run that was cut short", func(r *os.Root) error { return r.Remove(name) })
	}
}

// lockPatience is how long another worker-wrap may take that works in the same folder.
const lockPatience = 20 * time.Second

// change runs what plan makes of a bin folder as it is now. Nobody else who uses this function works in
// it at the same time, and every step is on disk before the next. done is called after each.
func change(folder *os.File, plan func(Bin) ([]Step, error), done func(Step)) error {
	root, err := os.OpenRoot(untrusted.Through(folder))
	if err != nil {
		return fmt.Errorf("%s: %w", folder.Name(), err)
	}
	defer root.Close()
	if err := lock(folder, lockPatience); err != nil {
		return fmt.Errorf("%s: %w", folder.Name(), err)
	}
	b, err := inspectBin(folder)
	if err != nil {
		return err
	}
	steps, err := plan(b)
	if err != nil {
		return err
	}
	for _, s := range steps {
		if err := s.do(root); err != nil {
			return fmt.Errorf("%s: %w", s.What, err)
		}
		if err := syncFolder(folder); err != nil {
			return err
		}
		done(s)
	}
	return nil
}

// lock takes an exclusive flock(2), which ends with f. Whoever may read a folder can lock it, so it is not
// waited for without limit.
func lock(f *os.File, patience time.Duration) error {
	until := time.Now().Add(patience)
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			if errors.Is(err, unix.ENOLCK) || errors.Is(err, unix.EOPNOTSUPP) {
				return nil // a file system without locks
			}
			return err
		}
		if time.Now().After(until) {
			return errors.New("another worker-wrap is at work there; try again")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
