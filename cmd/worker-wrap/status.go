package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/status"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "list the runners of this machine: protected or not, living Workers, the last start",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "look at the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
			&cli.BoolFlag{Name: "json", Usage: "print a JSON array", DisableDefaultText: true},
		},
		Action:       statusAction,
		OnUsageError: usageError,
	}
}

func statusAction(c *cli.Context) error {
	chosen, err := theseRunners(c.StringSlice("runner-root"))
	if err != nil {
		return cli.Exit(err.Error(), exitUsage)
	}
	runners, hidden, err := status.Gather(chosen.layouts, chosen.broken, origin.Captured())
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return encode(c, runners)
	}
	if len(runners) == 0 {
		fmt.Fprintln(c.App.ErrWriter, "no runner found on this machine; name one with --runner-root DIR")
	} else if err := status.Print(c.App.Writer, runners, time.Now()); err != nil {
		return err
	}
	sayHidden(c.App.ErrWriter, hidden)
	return nil
}
