package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/beside/ended"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
)

// endedCommand is the hidden subcommand that a Worker's keeper becomes.
func endedCommand() *cli.Command {
	return &cli.Command{
		Name:            early.EndCommand,
		Hidden:          true,
		SkipFlagParsing: true,
		Action:          func(c *cli.Context) error { return ended.Run(c.Args().Slice()) },
	}
}
