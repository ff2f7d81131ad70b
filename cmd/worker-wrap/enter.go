package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/enter"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

func enterCommand() *cli.Command {
	return &cli.Command{
		Name:      "enter",
		Usage:     "run a command, or a shell, as a living Worker sees the machine",
		UsageText: "worker-wrap enter PID|latest [-- cmd args…]",
		Description: "It starts in the job's workspace, as the Worker's user, with the Worker's environment, RUNNER_TEMP and " +
			"GITHUB_WORKSPACE. The latest Worker is the one that was started last.",
		ArgsUsage:    "PID|latest",
		Action:       enterAction,
		OnUsageError: cmdline.UsageError,
	}
}

func enterAction(c *cli.Context) error {
	which, command := c.Args().First(), cmdline.CommandAfter(c)
	switch {
	case c.NArg() > 1:
		return cli.Exit("write what to run after --: worker-wrap enter "+words(which, append(c.Args().Tail(), command...)), cmdline.ExitUsage)
	case which == "":
		return cli.Exit("say which Worker: worker-wrap enter PID|latest [-- cmd args…]", cmdline.ExitUsage)
	case os.Geteuid() != 0:
		return cli.Exit("entering a mount namespace needs root, and so does looking into the processes of other users: sudo worker-wrap enter "+words(which, command), cmdline.ExitUsage)
	}
	w, err := chosen(which)
	if err != nil {
		return cli.Exit(err.Error(), cmdline.ExitUsage)
	}
	var job enter.Job
	if layout, err := runner.FromRoot(w.Runner); w.Runner != "" && err == nil {
		job = enter.Job{Workspace: w.Workspace(layout.Work), Temp: layout.Temp}
	}
	return cli.Exit(enter.Become(w.PID, job, command).Error(), cmdline.ExitUsage)
}

// words are the arguments of enter, as a shell takes them.
func words(which string, command []string) string {
	out := visible.Word(which)
	if len(command) > 0 {
		out += " --"
	}
	for _, word := range command {
		out += " " + visible.Word(word)
	}
	return out
}

func chosen(which string) (workers.Worker, error) {
	if which == "latest" {
		list, hidden, err := workers.List()
		if err != nil {
			return workers.Worker{}, err
		}
		switch {
		case len(list) > 0:
			return list[len(list)-1], nil
		case hidden > 0:
			return workers.Worker{}, fmt.Errorf("%s; %d could not; %s", noWorker(hidden), hidden, procfs.Mend)
		}
		return workers.Worker{}, errors.New(noWorker(0))
	}
	pid, err := strconv.Atoi(which)
	if err != nil || pid <= 0 {
		return workers.Worker{}, fmt.Errorf("%q is neither a PID nor latest", which)
	}
	w, err := workers.Find(pid)
	if err != nil {
		return w, fmt.Errorf("process %d: %w", pid, procfs.Advised(err))
	}
	return w, nil
}
