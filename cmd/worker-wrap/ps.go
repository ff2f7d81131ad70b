package main

import (
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/procfs"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
	"github.com/worker-wrap/worker-wrap/internal/manage/workers"
)

func psCommand() *cli.Command {
	return &cli.Command{
		Name:  "ps",
		Usage: "list the Workers that worker-wrap has started and that are alive, and how each was started",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "left", Usage: "list what the jobs of dead Workers left running instead, if WORKER_WRAP_LEFTOVERS is set", DisableDefaultText: true},
			cmdline.JSONFlag("a JSON array"), cmdline.WideFlag(), cmdline.UTCFlag(),
		},
		Action:       psAction,
		OnUsageError: cmdline.UsageError,
	}
}

func psAction(c *cli.Context) error {
	if c.Bool("left") {
		return leftAction(c)
	}
	list, hidden, err := workers.List()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if list == nil {
			list = []workers.Worker{}
		}
		return cmdline.Encode(c, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(c.App.ErrWriter, noWorker(hidden))
	} else if err := workers.Print(cmdline.Screen(c), list); err != nil {
		return err
	}
	sayHidden(c.App.ErrWriter, hidden)
	return nil
}

// noWorker says that none was found.
func noWorker(hidden int) string {
	if hidden > 0 {
		return "no wrapped Worker is alive among the processes that could be looked into"
	}
	return "no wrapped Worker is alive"
}

// sayHidden says that processes could not be looked into, and who can.
func sayHidden(out io.Writer, hidden int) {
	switch {
	case hidden == 0:
	case os.Geteuid() == 0:
		fmt.Fprintf(out, "%s could not be looked into; %s\n", screen.Count(hidden, "process"), procfs.Mend)
	default:
		fmt.Fprintf(out, "%s of other users could not be looked into; sudo shows theirs too\n", screen.Count(hidden, "process"))
	}
}
