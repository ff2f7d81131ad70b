package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/figures"
	"github.com/worker-wrap/worker-wrap/internal/manage/status"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:        "status",
		Usage:       "list the runners of this machine: protected or not, living Workers, the last start",
		Description: "The exit status is 0 if all runners are protected, 1 if that cannot be told, and 2 if one is not.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "look at the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
			cmdline.JSONFlag("a JSON array"), cmdline.WideFlag(), cmdline.UTCFlag(),
			&cli.StringFlag{Name: "prometheus", Usage: "print nothing, and write `FILE` for the textfile collector of Prometheus' node_exporter, adding to the totals that are there"},
		},
		Action:       statusAction,
		OnUsageError: cmdline.UsageError,
	}
}

func statusAction(c *cli.Context) error {
	origin.AllCPUs()
	if c.Bool("json") && c.String("prometheus") != "" {
		return cmdline.Refuse(c.Command, "--json and --prometheus exclude each other; give one")
	}
	chosen, err := choose.These(c.StringSlice("runner-root"))
	if err != nil {
		return cli.Exit(err.Error(), cmdline.ExitUsage)
	}
	runners, hidden, err := status.Gather(chosen.Layouts, chosen.Broken, origin.Captured())
	if err != nil {
		return err
	}
	if file := c.String("prometheus"); file != "" {
		return cmdline.Undone(figures.Write(file, runners, chosen.Layouts, time.Now()))
	}
	if c.Bool("json") {
		if err := cmdline.Encode(c, runners); err != nil {
			return err
		}
		return statusCode(runners)
	}
	if len(runners) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "no runner found on this machine; name one with --runner-root DIR")
	} else if err := status.Print(cmdline.Screen(c), runners); err != nil {
		return err
	}
	sayHidden(c.App.ErrWriter, hidden)
	return statusCode(runners)
}

// statusCode is doctor's: a runner that is not protected, or may be.
func statusCode(runners []status.Runner) error {
	code := 0
	for _, r := range runners {
		switch {
		case r.Unknown:
			code = max(code, cmdline.ExitDoubtful)
		case !r.Protected:
			code = cmdline.ExitUnprotected
		}
	}
	if code == 0 {
		return nil
	}
	return cli.Exit("", code) // said above
}
