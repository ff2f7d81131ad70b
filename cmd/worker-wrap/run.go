package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/byhand"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/plan"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a command with a _temp of its own",
		UsageText: "worker-wrap [run] [--temp DIR | --runner-root DIR] -- cmd args…",
		Flags:     runFlags()[:7],
		Action:    runAction,

		OnUsageError: cmdline.UsageError,
	}
}

func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "temp", Usage: "lay the fresh folder over `DIR`"},
		&cli.StringFlag{Name: "runner-root", Usage: "… over the _temp of the runner in `DIR` (default: the runner found from the current folder upwards)"},
		&cli.BoolFlag{Name: "userns", Usage: "isolate in a user namespace: needs no privilege, but sudo does not work in it (as WORKER_WRAP_USERNS=1)", DisableDefaultText: true},
		&cli.BoolFlag{Name: "mkdir", Usage: "make the DIR of --temp if it is missing, in a folder of yours", DisableDefaultText: true},
		// For the trials of install and doctor:
		&cli.BoolFlag{Name: "parents", Usage: "make it, and all above it, as a Worker's start does", Hidden: true},
		&cli.StringSliceFlag{Name: "also", Usage: "lay one over `DIR` too, before, in a view of its own", Hidden: true},
		&cli.StringFlag{Name: "mark", Usage: "the file to leave there, until stdin has a byte", Hidden: true},
		&cli.StringFlag{Name: "store-of", Usage: "keep it where a Worker of the runner in `DIR` would", Hidden: true},
		&cli.StringFlag{Name: "trial-of", Usage: "refuse what a Worker's start of the runner in `DIR` would", Hidden: true},
		&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version, and what the kernel offers", DisableDefaultText: true},
	}
}

// madeTemp sees to it that the folder is there which a person has named. A start makes a missing one, which a typo should not
// have it do.
func madeTemp(dir string, mkdir bool) error {
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return fmt.Errorf("--temp %s: that is not a folder; give one", dir)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return nil // the start has words for all else
	}
	parent, err := os.Stat(filepath.Dir(dir))
	switch {
	case !mkdir:
		return fmt.Errorf("--temp %s: there is no such folder; make it, or have it made with --mkdir", dir)
	case err != nil:
		return fmt.Errorf("--mkdir makes only the last folder of a path, and the one above is missing: %w", err)
	case int(parent.Sys().(*syscall.Stat_t).Uid) != os.Geteuid():
		return fmt.Errorf("--mkdir makes a folder only in one of yours, and %s belongs to another user: make %s yourself", filepath.Dir(dir), dir)
	}
	return os.Mkdir(dir, 0o755)
}

func runAction(c *cli.Context) error {
	command, first := cmdline.CommandAfter(c), c.Args().First()
	switch {
	case c.Args().Present():
		return cmdline.Refuse(c.Command, "%s; to run a command write it after --: worker-wrap -- %s", cmdline.NoSubcommand(c.App, first), visible.Word(first))
	case c.Bool("version") && command != nil:
		return cmdline.Refuse(c.Command, "--version stands alone: worker-wrap --version")
	case c.Bool("version"):
		return printVersion(c.App.Writer)
	}
	if command == nil && c.NumFlags() == 0 && c.Command.Name != "run" {
		return cli.ShowAppHelp(c)
	}
	dir, err := os.Getwd()
	if err != nil {
		return cli.Exit(fmt.Sprintf("cannot tell the current folder: %v", err), exits.Failed)
	}
	plan, err := plan.ForCommand(plan.Options{Temp: c.String("temp"), RunnerRoot: c.String("runner-root"), StoreOf: c.String("store-of"), TrialOf: c.String("trial-of"), Dir: dir, Userns: c.Bool("userns")}, command, origin.Environ())
	if err != nil {
		return cli.Exit(err.Error(), exits.Failed)
	}
	if c.IsSet("temp") && !c.Bool("parents") {
		if err := madeTemp(plan.Temp, c.Bool("mkdir")); err != nil {
			return cli.Exit(err.Error(), exits.Failed)
		}
		_ = byhand.Note(plan.Temp) // gc finds what is left without it too, if it is told where
	}
	if err := shim.Also(plan, c.StringSlice("also"), c.String("mark"), os.Stdin, os.Stdout); err != nil {
		return cli.Exit(err.Error(), exits.Failed)
	}
	f := shim.Run(plan)
	return cli.Exit(f.Error(), f.Code)
}
