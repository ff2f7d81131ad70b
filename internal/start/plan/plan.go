package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// Plan is what one start is to do.
type Plan struct {
	Temp string // absolute path of the folder to lay a fresh one over; made if missing
	Home string // the folder whose store that is made in; "" lets the start choose it by the rule of perpid.Home

	StoreOf string // the root for that rule if there is no Runner, or ""
	TrialOf string // the root of the runner whose Worker's start this command tries, or ""

	Runner *Runner // nil if any folder was given (--temp)
	Worker *Worker // nil for a command, which is argv[0], looked up in PATH if it has no slash

	Argv     []string // the program's arguments, argv[0] first
	Env      []string // the environment that this process was given
	Settings Settings
}

// Runner is the one whose _temp is meant.
type Runner struct{ Root string }

// Worker are the paths of the entry, by which the Listener starts its Worker, and of the real Worker, as install leaves
// it. If another tool has moved that it is found under another name beside it.
type Worker struct{ Entry, Real string }

// Root is the runner's, "" if there is none.
func (p Plan) Root() string {
	if p.Runner == nil {
		return ""
	}
	return p.Runner.Root
}

// Program is the word for the started program, in messages.
func (p Plan) Program() string {
	if p.Worker == nil {
		return "command"
	}
	return "job"
}

// Diag is the folder of the runner's logs, "" if there is no runner.
func (p Plan) Diag() string {
	if p.Runner == nil {
		return ""
	}
	return filepath.Join(p.Root(), "_diag")
}

// ForWorker plans the start of a runner's Worker: argv[0] is the path that the Listener, or another tool, started
// (<root>/bin.<version>/Runner.Worker). It reads the runner's .runner and the files of its settings.
func ForWorker(argv, env []string) (Plan, error) {
	chosen, err := ParseSettings(env)
	if err != nil {
		return Plan{}, err
	}
	path, err := filepath.Abs(argv[0])
	if err != nil {
		return Plan{}, err
	}
	layout, err := runner.FromWorkerPath(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Plan{}, fmt.Errorf("%s is not in a configured runner: %w; run config.sh there, or give the runner its own Worker back: worker-wrap uninstall", path, err)
	}
	if err != nil {
		return Plan{}, err
	}
	lines, err := settings.In(layout.Root)
	if err != nil {
		return Plan{}, err
	}
	if len(lines) > 0 {
		if chosen, err = ParseSettings(slices.Concat(env, lines)); err != nil {
			return Plan{}, err
		}
	}
	names := runner.KeptNames(path)
	return Plan{
		Temp:     layout.Temp,
		Runner:   &Runner{layout.Root},
		Worker:   &Worker{Entry: path, Real: filepath.Join(filepath.Dir(path), names[len(names)-1])},
		Argv:     append([]string{runner.Standing(argv[0])}, argv[1:]...), // by which other starts find it
		Env:      env,
		Settings: chosen,
	}, nil
}

// Options are the options of a start by hand.
type Options struct {
	Temp       string // the folder to cover; relative to Dir
	RunnerRoot string // else the runner whose _temp it is
	StoreOf    string // the root of the runner as whose Worker's the folder is kept, or ""
	TrialOf    string // the root of the runner whose Worker's start this one tries, or ""
	Dir        string // where to look for a runner upwards when neither is given; absolute
	Userns     bool   // isolate in a user namespace, whatever WORKER_WRAP_USERNS says
}

// ForCommand plans the start of any program with a _temp of its own. Without --temp it reads a .runner.
func ForCommand(o Options, argv, env []string) (Plan, error) {
	chosen, err := ParseSettings(env)
	if err != nil {
		return Plan{}, err
	}
	if len(argv) == 0 || argv[0] == "" {
		return Plan{}, errors.New("no command given; write it after --: worker-wrap -- cmd args…")
	}
	if o.TrialOf != "" { // what they say the environment has already; whether its user may read them is tried
		if _, err := settings.In(o.TrialOf); err != nil {
			return Plan{}, err
		}
	}
	chosen.Policy.Userns = chosen.Policy.Userns || o.Userns
	if !chosen.Fallback { // isolation is what was asked for
		chosen.Policy.Fallback = policy.FallbackNone
	}
	p := Plan{StoreOf: o.StoreOf, TrialOf: o.TrialOf, Argv: argv, Env: env, Settings: chosen}
	switch {
	case o.Temp != "" && o.RunnerRoot != "":
		return Plan{}, errors.New("--temp and --runner-root exclude each other; give one")
	case o.Temp != "":
		p.Temp = o.Temp
		if !filepath.IsAbs(p.Temp) {
			p.Temp = filepath.Join(o.Dir, p.Temp)
		}
		p.Temp = filepath.Clean(p.Temp)
	default:
		var layout runner.Layout
		if o.RunnerRoot != "" {
			layout, err = runner.FromRoot(o.RunnerRoot)
		} else {
			layout, err = runner.FindUp(o.Dir)
		}
		if errors.Is(err, fs.ErrNotExist) && o.RunnerRoot == "" {
			return Plan{}, fmt.Errorf("%w; say which with --runner-root DIR, or give any folder with --temp DIR", err)
		}
		if err != nil {
			return Plan{}, runner.Advise(err)
		}
		p.Runner, p.Temp = &Runner{layout.Root}, layout.Temp
	}
	if p.Temp == "/" {
		return Plan{}, errors.New("--temp /: a process cannot have a root folder of its own this way; give the folder that jobs use")
	}
	return p, nil
}

// MovedByOther reports whether another tool has moved the entry, and starts worker-wrap itself.
func (w *Worker) MovedByOther() bool { return filepath.Base(w.Entry) != runner.WorkerName }
