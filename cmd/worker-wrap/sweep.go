package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/beside/sweeper"
)

// sweepCommand is the process that a start leaves to delete what dead Workers left.
func sweepCommand() *cli.Command {
	return &cli.Command{
		Name:   sweeper.Command,
		Hidden: true,
		Action: func(c *cli.Context) error { return sweeper.Run(c.Args().Get(0), c.Args().Get(1)) },
	}
}
