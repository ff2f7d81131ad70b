package main

import (
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/beside/dockerproxy"
	"github.com/worker-wrap/worker-wrap/internal/ground/events"
	"github.com/worker-wrap/worker-wrap/internal/ground/perpid"
)

// dockerProxyCommand is the process beside a Worker that the shim starts; see package dockerproxy.
func dockerProxyCommand() *cli.Command {
	return &cli.Command{
		Name:            dockerproxy.Subcommand,
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			return dockerproxy.Main(c.Args().Slice(), afterWorker)
		},
	}
}

// afterWorker removes the folder of the Worker that has ended and records it.
func afterWorker(c dockerproxy.Config) error {
	err := sweepAfter(c)
	if c.Diag == "" {
		return err
	}
	e := events.Event{Kind: events.ProxyEnd, PID: os.Getpid(), Dir: c.Private, Outcome: events.Removed}
	if owner, _, ok := perpid.Parse(filepath.Base(c.Private)); ok {
		e.Job = events.Process{PID: owner.PID, Start: owner.Start}
	}
	if err != nil {
		e.Outcome, e.Error = events.Failed, err.Error()
	}
	_ = events.Append(c.Diag, e) // nothing depends on the record
	return err
}

// sweepAfter removes the Worker's folder, with whatever other dead Workers left.
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
	swept, err := store.Sweep(perpid.NewJudge(self, store.Remote()), perpid.Sweep{})
	if err != nil {
		return err
	}
	return swept.Err
}
