package shim

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/settings"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

// Plan is what one start of the shim is to do.
type Plan struct {
	Root  string // the runner's root, or "" where --temp was given
	Temp  string // absolute path of the folder to lay a fresh one over; made if missing
	Store string // where the fresh one is made

	// Worker is the path under which the Listener starts its Worker, and Real the runner's own Worker,
	// which is laid over it and started by that path: where it should be, until it was looked for. Both are empty for
	// a command.
	Worker string
	Real   string

	// Command is the program to start, looked up in PATH where it has no slash. Empty for a Worker.
	Command string

	Argv     []string // the program's arguments, argv[0] first
	Env      []string // the environment the shim was given
	Settings Settings
}

// PlanWorker plans the start of a runner's Worker: argv[0] is the path that the Listener started
// (<root>/bin.<version>/Runner.Worker).
func PlanWorker(argv, env []string) (Plan, error) {
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
		Root:     layout.Root,
		Temp:     layout.Temp,
		Store:    perpid.Path(layout.Temp),
		Worker:   path,
		Real:     filepath.Join(filepath.Dir(path), names[len(names)-1]),
		Argv:     argv,
		Env:      env,
		Settings: chosen,
	}, nil
}

// Options are those of a start by hand.
type Options struct {
	Temp       string // the folder to cover; relative to Dir
	RunnerRoot string // else the runner whose _temp it is
	Dir        string // where to look for a runner upwards when neither is given; absolute
	Userns     bool   // isolate in a user namespace, whatever WORKER_WRAP_USERNS says
}

// PlanCommand plans the start of any program with a _temp of its own.
func PlanCommand(o Options, argv, env []string) (Plan, error) {
	chosen, err := ParseSettings(env)
	if err != nil {
		return Plan{}, err
	}
	if len(argv) == 0 || argv[0] == "" {
		return Plan{}, errors.New("no command given; write it after --: worker-wrap -- cmd args…")
	}
	chosen.Policy.Userns = chosen.Policy.Userns || o.Userns
	if !chosen.Fallback { // isolation is what was asked for
		chosen.Policy.Fallback = policy.FallbackNone
	}
	p := Plan{Command: argv[0], Argv: argv, Env: env, Settings: chosen}
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
		p.Root, p.Temp = layout.Root, layout.Temp
	}
	if p.Temp == "/" {
		return Plan{}, errors.New("--temp /: a process cannot have a root folder of its own this way; give the folder that jobs use")
	}
	p.Store = perpid.Path(p.Temp)
	return p, nil
}
