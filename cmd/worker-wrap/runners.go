package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
)

// chosenRunners returns the runners that the flags of a subcommand choose that changes runners. bare is for one that needs
// no .runner.
func chosenRunners(c *cli.Context, bare bool) (choose.Runners, error) {
	given := c.StringSlice("runner-root")
	switch {
	case c.Bool("all") && len(given) > 0:
		return choose.Runners{}, cmdline.Refuse(c.Command, "--all and --runner-root exclude each other; give one")
	case c.Bool("all"):
		return choose.Every(bare), nil
	case len(given) > 0:
		return choose.Of(given, bare)
	}
	return choose.Here(bare)
}

// leftOut names on stderr the runners that a subcommand can do nothing for.
func leftOut(c *cli.Context, chosen choose.Runners) {
	for _, err := range chosen.Broken {
		fmt.Fprintln(c.App.ErrWriter, "worker-wrap: left out:", visible.Line(runner.Advise(err).Error()))
	}
}
