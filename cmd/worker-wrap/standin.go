package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin"
	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
)

// standinWorkerCommand is what the demo's Workers are: their file is a script that names this program
// and this subcommand as its interpreter.
func standinWorkerCommand() *cli.Command {
	return &cli.Command{
		Name:            standin.ScriptCommand,
		Usage:           "be the Worker of the demo",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			return cli.Exit("", worker.Main(c.Args().Slice()))
		},
	}
}
