package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/discover"
)

// runners are those that a command line chooses.
type runners struct {
	layouts []runner.Layout
	// broken are those whose .runner cannot be read, or makes no sense. They do not hide the others.
	broken []*runner.ConfigError
}

// everyRunner returns the runners of this machine, and the one found from the current folder upwards. With bare also
// those whose .runner does not tell their layout, which then is guessed.
func everyRunner(bare bool) runners {
	var out runners
	add := func(l runner.Layout, err error) {
		var broken *runner.ConfigError
		switch {
		case err == nil, bare:
			out.layouts = append(out.layouts, l)
		case !runner.Missing(err) && errors.As(err, &broken):
			out.broken = append(out.broken, broken)
		}
	}
	seen := map[string]bool{}
	for _, f := range discover.All("") {
		seen[f.Layout.Root] = true
		add(f.Layout, f.Err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return out // it is gone, and leads to no runner
	}
	if here, err := upwards(dir, bare); here.Root != "" && !seen[resolved(here.Root)] {
		add(here, err)
	}
	return out
}

// upwards is [runner.FindUp], but takes an unpacked release too, and returns also with an error the runner that it is about, if there is one, guessed.
// With bare that can be one without .runner.
func upwards(dir string, bare bool) (runner.Layout, error) {
	for d := dir; ; d = filepath.Dir(d) {
		l, err := runner.FromRelease(d)
		if err == nil {
			return l, nil
		}
		if _, serr := os.Lstat(filepath.Join(d, runner.ConfigName)); serr == nil || bare && runner.Missing(err) && runner.HasWorker(d) {
			return runner.Unconfigured(d), err
		}
		if d == filepath.Dir(d) {
			return runner.FindUp(dir) // which has words for it
		}
	}
}

// leftOut names on stderr the runners that a subcommand can do nothing for.
func leftOut(c *cli.Context, chosen runners) {
	for _, err := range chosen.broken {
		fmt.Fprintln(c.App.ErrWriter, "worker-wrap: left out:", visible.Line(runner.Advise(err).Error()))
	}
}

// theseRunners returns the runners in the given roots, or, where none is given, every runner there is, for a subcommand
// that can say something of a runner whose .runner is no help.
func theseRunners(roots []string) (runners, error) {
	if len(roots) == 0 {
		return everyRunner(false), nil
	}
	var broken []*runner.ConfigError
	var sound []string
	for _, root := range roots {
		b := (*runner.ConfigError)(nil)
		if _, err := runner.FromRelease(resolved(root)); errors.As(err, &b) && !runner.Missing(err) {
			broken = append(broken, b)
			continue
		}
		sound = append(sound, root)
	}
	out, err := rootsOf(sound, false)
	out.broken = broken
	return out, err
}

// chosenRunners returns the runners that the flags of a subcommand choose that changes runners.
func chosenRunners(c *cli.Context, bare bool) (runners, error) {
	given := c.StringSlice("runner-root")
	switch {
	case c.Bool("all") && len(given) > 0:
		return runners{}, refuse(c.Command, "--all and --runner-root exclude each other; give one")
	case c.Bool("all"):
		return everyRunner(bare), nil
	case len(given) > 0:
		return rootsOf(given, bare)
	}
	const choose = "say which with --runner-root DIR, or --all for every runner of this machine"
	dir, err := os.Getwd()
	if err != nil {
		return runners{}, fmt.Errorf("cannot tell the current folder: %w; cd to a runner, or %s", err, choose)
	}
	here, err := upwards(dir, bare)
	if here.Root == "" {
		return runners{}, fmt.Errorf("%w; %s", err, choose)
	}
	return rootsOf([]string{here.Root}, bare)
}

// rootsOf returns the runners in the given roots, by paths without links, each once.
func rootsOf(given []string, bare bool) (runners, error) {
	var out runners
	seen := map[string]bool{}
	for _, root := range given {
		l, err := runner.FromRelease(resolved(root))
		if broken := (*runner.ConfigError)(nil); bare && errors.As(err, &broken) && runner.HasWorker(broken.Root) {
			l, err = runner.Unconfigured(broken.Root), nil
		}
		if err != nil && !errors.As(err, new(*runner.ConfigError)) {
			return runners{}, fmt.Errorf("--runner-root %s: cannot tell the current folder: %w; cd elsewhere, or give the whole path", root, err)
		}
		if runner.Missing(err) {
			return runners{}, fmt.Errorf("%w: that is no configured runner, and no unpacked release of one (run.sh, bin/%s and bin/%s); give the folder that has config.sh",
				err, runner.ListenerName, runner.WorkerName)
		}
		if err != nil {
			return runners{}, runner.Advise(err)
		}
		if !seen[l.Root] {
			seen[l.Root] = true
			out.layouts = append(out.layouts, l)
		}
	}
	return out, nil
}

// resolved returns a path without links, or the path itself where that cannot be told.
func resolved(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
