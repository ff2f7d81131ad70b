package checks

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/atonce"
	"github.com/worker-wrap/worker-wrap/internal/ground/left"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/entry"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/manage/program"
	"github.com/worker-wrap/worker-wrap/internal/manage/survey"
	"github.com/worker-wrap/worker-wrap/internal/manage/users"
)

// Runner is what the checks judge of one runner.
type Runner struct {
	survey.Runner
	Install    entry.State
	InstallErr error           // why Install could not be found out
	Shim       program.Binary  // what the shim in the current bin leads to
	OldUnits   []string        // unit files of its path unit that are missing, or not those of this version
	Left       left.Found      // processes of dead Workers' jobs
	Strays     int             // see [survey.System.Strays]
	Command    program.Command // by which a mend starts worker-wrap
	Barred     string          // what keeps the runner's user from running that, see [users.BarredFrom]
	// Unrunnable has the bin folders in which the runner's user can run no Worker, and why, see [entry.Bin.Runnable].
	Unrunnable map[string]error
}

// Broken is a runner whose .runner cannot be read, or makes no sense.
type Broken struct {
	*runner.ConfigError
	User string // whose its folder is
}

// Facts are what the checks judge.
type Facts struct {
	Machine survey.Machine
	Runners []Runner
	Broken  []Broken
	Gone    []string // see [machine.Machine.Gone]
	// Captured is true for a worker-wrap that notes what it inherited before the Go runtime starts.
	Captured bool
	Root     bool // the doctor runs as root
	Command  program.Command
}

// Gather collects the facts about this machine, the runners with these layouts, and those that have none.
func Gather(layouts []runner.Layout, broken []*runner.ConfigError, captured bool) Facts {
	s := survey.System{}.Once(layouts)
	self, _ := os.Executable()
	f := Facts{Machine: s.Machine(), Captured: captured, Command: program.CommandOf(self)}
	f.Gone, _ = machine.Machine{}.Gone()
	for _, err := range broken {
		b := Broken{err, "?"}
		if root := survey.FolderAt(err.Root); root.Exists {
			b.User = users.Name(root.UID)
		}
		f.Broken = append(f.Broken, b)
	}
	f.Runners = make([]Runner, len(layouts))
	atonce.Each(len(layouts), func(i int) {
		f.Runners[i] = gather(s, layouts[i])
		f.Runners[i].Command = f.Command
	})
	return f
}

// gather collects those about one runner.
func gather(s survey.System, layout runner.Layout) Runner {
	r := Runner{Runner: s.Runner(layout)}
	r.Install, r.InstallErr = entry.Inspect(layout)
	for _, b := range r.Install.Bins {
		if err := b.Runnable(r.UID); err != nil {
			if r.Unrunnable == nil {
				r.Unrunnable = map[string]error{}
			}
			r.Unrunnable[b.Dir] = err
		}
	}
	if b := r.current(); b.Wrapped() {
		r.Shim = program.BinaryAt(b.Program())
		r.OldUnits = machine.Machine{Self: r.Shim.Path}.OutdatedUnits(layout)
		r.Barred = users.BarredFrom(r.Shim.Path, r.UID)
	}
	r.Left, _ = left.Of(layout) // what cannot be looked into is not known to be left
	r.Strays = s.Strays(&r.Runner)
	return r
}

// do is a command line of a subcommand for the runner.
func (r *Runner) do(sub string) string { return r.Command.On(sub, r.Layout.Root) }

// current is the bin folder that the Listener runs from, the zero Bin if there is none.
func (r *Runner) current() entry.Bin {
	if len(r.Install.Bins) > 0 && r.Install.Bins[0].Current {
		return r.Install.Bins[0]
	}
	return entry.Bin{}
}
