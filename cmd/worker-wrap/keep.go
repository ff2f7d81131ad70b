package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/beside/keeper"
)

// keepCommand is the process that a start leaves to hold the locks of a Worker in the plain _temp.
func keepCommand() *cli.Command {
	return &cli.Command{
		Name:   keeper.Command,
		Hidden: true,
		Action: func(*cli.Context) error { return keeper.Run() },
	}
}
