package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/enter"
	"github.com/worker-wrap/worker-wrap/internal/workers"
)

func enterCommand() *cli.Command {
	return &cli.Command{
		Name:         "enter",
		Usage:        "run a command, or a shell, as a living Worker sees the machine",
		UsageText:    "worker-wrap enter PID|latest [-- cmd args…]",
		ArgsUsage:    "PID|latest",
		Action:       enterAction,
		OnUsageError: usageError,
	}
}

func enterAction(c *cli.Context) error {
	if c.NArg() != 1 {
		return cli.Exit("say which Worker: worker-wrap enter PID|latest [-- cmd args…]", exitUsage)
	}
	w, err := chosen(c.Args().First())
	if err != nil {
		return cli.Exit(err.Error(), exitUsage)
	}
	return cli.Exit(enter.Become(w.PID, commandAfter(c)).Error(), exitUsage)
}

func chosen(which string) (workers.Worker, error) {
	if which == "latest" {
		list, _, err := workers.List()
		if err != nil {
			return workers.Worker{}, err
		}
		if len(list) == 0 {
			return workers.Worker{}, errors.New("no wrapped Worker is alive")
		}
		return list[len(list)-1], nil
	}
	pid, err := strconv.Atoi(which)
	if err != nil || pid <= 0 {
		return workers.Worker{}, fmt.Errorf("%q is neither a PID nor latest", which)
	}
	w, err := workers.Find(pid)
	if err != nil {
		return w, fmt.Errorf("process %d: %w", pid, err)
	}
	return w, nil
}
