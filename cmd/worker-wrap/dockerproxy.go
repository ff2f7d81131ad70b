package main

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/perpid"
)

// dockerProxyCommand is the process beside a Worker that the shim starts; see package dockerproxy.
func dockerProxyCommand() *cli.Command {
	return &cli.Command{
		Name:            dockerproxy.Subcommand,
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			return dockerproxy.Main(c.Args().Slice(), sweepAfter)
		},
	}
}

// sweepAfter removes the folder of the Worker that has ended, with whatever other dead Workers left.
func sweepAfter(c dockerproxy.Config) error {
	store, err := perpid.Open(filepath.Dir(c.Private))
	if err != nil {
		return err
	}
	defer store.Close()
	self, err := perpid.Self()
	if err != nil {
		return err
	}
	_, err = store.Sweep(perpid.NewJudge(self, store.Remote()), perpid.Sweep{})
	return err
}
