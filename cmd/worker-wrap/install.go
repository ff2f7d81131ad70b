package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/install"
	"github.com/worker-wrap/worker-wrap/internal/manage/machine"
	"github.com/worker-wrap/worker-wrap/internal/start/policy"
)

func installCommand() *cli.Command {
	return &cli.Command{
		Name:  "install",
		Usage: "put worker-wrap where runners start their Workers, and keep it there through their updates",
		Description: "Puts the binary, with its file capability, in one place; makes bin/Runner.Worker a script that starts it, with the " +
			"runner's own Worker as Runner.Worker.real beside it; and under systemd has a path unit look after the " +
			"runner's self-updates. Jobs that run go on. A second run changes nothing, and what a run that was cut " +
			"short has left is mended. A runner that has no shim yet is tried first, by a start as its user, in its " +
			"own folders and with its settings. If that gets no _temp of its own, the runner stays as it is. " +
			"--dry-run tries nothing. If nobody has set WORKER_WRAP_ISOLATE it is set to alone, for the machine, or without " +
			"root and with --bin-only for the runner. The exit status is 1 if something could not be done.",
		Flags: append(chooseRunners("install"),
			&cli.BoolFlag{Name: "force", Usage: "also if the start that is tried first fails, as while an image is built", DisableDefaultText: true},
			&cli.BoolFlag{Name: "bin-only", Usage: "change only bin: the binary is installed, and something else keeps the shims", DisableDefaultText: true},
			&cli.StringFlag{Name: "isolate", Usage: "give a _temp of its own to `WHICH` Workers: always, to each; alone, to those that are not alone (default: alone, unless somebody has chosen)"},
			&cli.StringFlag{Name: "prefix", Usage: "put the binary into `DIR`/lib/worker-wrap (default: /usr/local)"},
		),
		Action:       installAction,
		OnUsageError: cmdline.UsageError,
	}
}

func installAction(c *cli.Context) error {
	return change(c, false, func(o install.Options) install.Result {
		o.Hold = true
		r := install.Install(o)
		if r.Steps > 0 && len(r.Failed)+len(r.NeedsRoot) == 0 && !o.DryRun && !o.BinOnly && !o.Systemd() {
			fmt.Fprintln(c.App.ErrWriter, "no systemd here: a runner's self-update takes the shim away, unless `worker-wrap watch` keeps running as the runner's user, or runsvc-worker-wrap.sh starts the runner")
		}
		return r
	})
}

// chooseRunners are the flags of the subcommands that change runners.
func chooseRunners(verb string) []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "runner-root", Usage: verb + " in the runner in `DIR` (default: the runner found from the current folder upwards)"},
		&cli.BoolFlag{Name: "all", Usage: "… in every runner of this machine", DisableDefaultText: true},
		&cli.BoolFlag{Name: "dry-run", Usage: "only list what would be done", DisableDefaultText: true},
	}
}

// change does an install or uninstall, and reports. bare is for one that needs no .runner.
func change(c *cli.Context, bare bool, do func(install.Options) install.Result) error {
	o := install.Options{DryRun: c.Bool("dry-run"), BinOnly: c.Bool("bin-only"), Force: c.Bool("force"), Isolate: c.String("isolate")}
	if _, err := new(policy.Settings).Set("ISOLATE", o.Isolate); err != nil {
		return cmdline.Refuse(c.Command, "--isolate %s: %v", o.Isolate, err)
	}
	chosen, err := chosenRunners(c, bare)
	if err != nil {
		return cmdline.Undone(err)
	}
	o.Layouts = chosen.Layouts
	if o.Machine, err = thisMachine(c); err != nil {
		return cmdline.Undone(err)
	}
	o.Say = func(line string) { fmt.Fprintln(c.App.Writer, visible.Line(line)) }
	if o.DryRun {
		o.Say = func(line string) { fmt.Fprintln(c.App.Writer, "would do: "+visible.Line(line)) }
	}
	r := do(o)
	for _, broken := range chosen.Broken {
		r.Failed = append(r.Failed, runner.Advise(broken))
	}
	for _, left := range r.Left {
		fmt.Fprintln(c.App.Writer, "left:", visible.Line(left))
	}
	for _, warning := range r.Warnings {
		fmt.Fprintln(c.App.ErrWriter, "worker-wrap: warning:", visible.Line(warning))
	}
	for _, need := range r.NeedsRoot {
		fmt.Fprintln(c.App.ErrWriter, "needs root:", visible.Line(need))
	}
	for _, err := range r.Failed {
		fmt.Fprintln(c.App.ErrWriter, "worker-wrap:", visible.Line(err.Error()))
	}
	if len(r.NeedsRoot)+len(r.Failed) > 0 {
		return cli.Exit("", 1) // said above
	}
	switch {
	case len(o.Layouts) == 0:
		fmt.Fprintln(c.App.Writer, "no runner found on this machine; name one with --runner-root DIR")
	case r.Steps == 0:
		fmt.Fprintln(c.App.Writer, "nothing to do")
	}
	return nil
}

// thisMachine says where things are put.
func thisMachine(c *cli.Context) (machine.Machine, error) {
	self, err := os.Executable()
	if err != nil {
		return machine.Machine{}, err
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return machine.Machine{}, err
	}
	prefix := c.String("prefix")
	if prefix != "" {
		if prefix, err = filepath.Abs(prefix); err != nil {
			return machine.Machine{}, err
		}
	}
	return machine.Machine{Self: self, Prefix: prefix}, nil
}
