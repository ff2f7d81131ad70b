package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/gc"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func gcCommand() *cli.Command {
	return &cli.Command{
		Name:  "gc",
		Usage: "remove what dead Workers left, also what only root can delete",
		Description: "Each start sweeps what dead Workers left, but not what the runner's user could not delete: " +
			"files that a container made as root, for instance. Run as root, gc removes that too. It also finds what commands " +
			"by hand (--temp DIR) have left: what the same user started, for root what any user started, and what lies in the current folder or above it. " +
			"The exit status is 1 if something could not be removed.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "collect in the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
			&cli.StringSliceFlag{Name: "temp", Usage: "collect what commands by hand have left that had a folder of their own over `DIR` (--temp DIR)"},
			&cli.StringFlag{Name: "older-than", Usage: "leave alone what changed within `DURATION`: 30m, 12h, 7d"},
			&cli.BoolFlag{Name: "kill", Usage: "also end what the jobs of dead Workers left running (worker-wrap ps --left lists it): SIGTERM, and SIGKILL after 10 seconds", DisableDefaultText: true},
			&cli.BoolFlag{Name: "dry-run", Usage: "only list what would be removed or ended", DisableDefaultText: true},
			cmdline.JSONFlag("a JSON array"),
		},
		Action:       gcAction,
		OnUsageError: cmdline.UsageError,
	}
}

func gcAction(c *cli.Context) error {
	o := gc.Options{DryRun: c.Bool("dry-run"), Kill: c.Bool("kill")}
	var err error
	if o.OlderThan, err = cmdline.ParseAge(c.String("older-than")); err != nil {
		return cli.Exit(err.Error(), cmdline.ExitUsage)
	}
	chosen, err := choose.These(c.StringSlice("runner-root"))
	if err != nil {
		return cli.Exit(err.Error(), cmdline.ExitUsage)
	}
	leftOut(c, chosen)
	o.Runners = chosen.Layouts
	switch dirs := c.StringSlice("temp"); {
	case len(dirs) > 0 && !c.IsSet("runner-root"):
		o.Runners = nil
		fallthrough
	case len(dirs) > 0:
		for _, dir := range dirs {
			if dir, err = filepath.Abs(dir); err != nil {
				return cli.Exit(fmt.Sprintf("--temp: cannot tell the current folder: %v; give the whole path", err), cmdline.ExitUsage)
			}
			o.Runners = append(o.Runners, choose.Beside(dir))
		}
	case !c.IsSet("runner-root"):
		places, err := choose.ByHand(o.Runners)
		if err != nil {
			fmt.Fprintf(c.App.ErrWriter, "worker-wrap: cannot tell where commands were started by hand, so give gc --temp DIR: %s\n", visible.Line(err.Error()))
		}
		o.Runners = append(o.Runners, places...)
	}
	origin.AllCPUs()
	stop := func() {}
	if !o.DryRun && term.IsTerminal(int(os.Stderr.Fd())) {
		o.Deleted = &atomic.Int64{}
		stop = cmdline.Progress(o.Deleted)
	}
	reports, err := gc.Run(o)
	stop()
	if c.Bool("json") {
		if reports == nil {
			reports = []gc.Report{}
		}
		if err := cmdline.Encode(c, reports); err != nil {
			return err
		}
	} else if err := printReports(c, reports, o.DryRun); err != nil {
		return err
	}
	if err != nil {
		return cli.Exit(err.Error(), cmdline.ExitDoubtful) // the others are done
	}
	for _, r := range reports {
		if len(r.Kept) > 0 {
			return cli.Exit("", 1) // said above
		}
	}
	if len(chosen.Broken) > 0 {
		return cli.Exit("", 1) // said above
	}
	return nil
}

func printReports(c *cli.Context, reports []gc.Report, dry bool) error {
	for i := range reports {
		r := &reports[i]
		if err := r.Print(cmdline.Screen(c), dry); err != nil {
			return err
		}
		printEnded(c.App.Writer, r.Ended, r.NotEnded, dry)
		sayHidden(c.App.Writer, r.Hidden)
	}
	if len(reports) == 0 {
		fmt.Fprintln(c.App.Writer, "nothing to collect: nobody has left a private folder here")
	}
	return nil
}
