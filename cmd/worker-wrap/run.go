package main

import (
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a command with a _temp of its own",
		UsageText: "worker-wrap [run] [--temp DIR | --runner-root DIR] -- cmd args…",
		Flags:     runFlags()[:3],
		Action:    runAction,

		OnUsageError: usageError,
	}
}

func runFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "temp", Usage: "lay the fresh folder over `DIR`"},
		&cli.StringFlag{Name: "runner-root", Usage: "… over the _temp of the runner in `DIR` (default: the runner found from the current folder upwards)"},
		&cli.BoolFlag{Name: "userns", Usage: "isolate in a user namespace: needs no privilege, but sudo does not work in it (as WORKER_WRAP_USERNS=1)", DisableDefaultText: true},
		&cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version, and what the kernel offers", DisableDefaultText: true},
	}
}

func runAction(c *cli.Context) error {
	command, first := commandAfter(c), c.Args().First()
	switch {
	case c.Args().Present():
		return refuse(c.Command, "%q is not a subcommand%s; to run a command write it after --: worker-wrap -- %s", first, nearestCommand(c.App, first), visible.Word(first))
	case c.Bool("version") && command != nil:
		return refuse(c.Command, "--version stands alone: worker-wrap --version")
	case c.Bool("version"):
		return printVersion(c.App.Writer)
	}
	if command == nil && c.NumFlags() == 0 && c.Command.Name != "run" {
		return cli.ShowAppHelp(c)
	}
	dir, err := os.Getwd()
	if err != nil {
		return cli.Exit(fmt.Sprintf("cannot tell the current folder: %v", err), shim.ExitFailed)
	}
	plan, err := shim.PlanCommand(shim.Options{Temp: c.String("temp"), RunnerRoot: c.String("runner-root"), Dir: dir, Userns: c.Bool("userns")}, command, origin.Environ())
	if err != nil {
		return cli.Exit(err.Error(), shim.ExitFailed)
	}
	f := shim.Run(plan)
	return cli.Exit(f.Error(), f.Code)
}
