package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/keep"
)

// relayCommand is the hidden subcommand by which a Worker's keeper lays its _temp again.
func relayCommand() *cli.Command {
	return &cli.Command{
		Name:            early.RelayCommand,
		Hidden:          true,
		SkipFlagParsing: true,
		Action:          func(*cli.Context) error { return keep.Relay() },
	}
}
