package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/watch"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func watchCommand() *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "keep worker-wrap in runners while they update themselves",
		Description: "Under systemd the units that install makes start this when it is needed. Without systemd " +
			"keep it running beside the runner, as its user; scripts/runsvc-worker-wrap.sh does.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "watch the runner in `DIR` (default: the runner found from the current folder upwards)"},
			&cli.BoolFlag{Name: "all", Usage: "watch every runner of this machine", DisableDefaultText: true},
			&cli.DurationFlag{Name: "until-quiet", Usage: "end when nothing has changed for `DURATION`"},
			&cli.IntFlag{Name: "while-pid", Usage: "end when the process `PID` does"},
			&cli.StringFlag{Name: "prefix", Usage: "the binary was put into `DIR`/lib/worker-wrap (default: /usr/local)"},
		},
		Action:       watchAction,
		OnUsageError: cmdline.UsageError,
	}
}

func watchAction(c *cli.Context) error {
	if c.Duration("until-quiet") < 0 || c.Int("while-pid") < 0 {
		return cli.Exit("--until-quiet and --while-pid take no negative numbers", cmdline.ExitUsage)
	}
	o := watch.Options{UntilQuiet: c.Duration("until-quiet").Round(time.Millisecond)}
	chosen, err := chosenRunners(c, false)
	gone := (*runner.ConfigError)(nil)
	if o.UntilQuiet > 0 && len(c.StringSlice("runner-root")) == 1 && errors.As(err, &gone) && runner.Missing(err) {
		cmdline.SayStderr(c.App.ErrWriter, journald.Info, "no runner is in "+gone.Root+": watched no longer") // a unit's is no failure
		return nil
	}
	if err != nil {
		return cmdline.Undone(err)
	}
	leftOut(c, chosen)
	o.Layouts = chosen.Layouts
	if len(o.Layouts) == 0 {
		return cli.Exit("no runner found on this machine; name one with --runner-root DIR", 1)
	}
	machine, err := thisMachine(c)
	if err != nil {
		return cmdline.Undone(err)
	}
	if o.Place, err = machine.Usable(); err != nil {
		return cli.Exit(fmt.Sprintf("%v: sudo %s install", err, machine.Self), 1)
	}
	told := &watch.Teller{Begun: time.Now(), Sums: o.UntilQuiet > 0 && journald.Connected(os.Stderr), Write: func(p journald.Priority, line string) {
		cmdline.SayStderr(c.App.ErrWriter, p, line)
	}}
	o.Say, o.Warn = told.Say, told.Warn
	origin.AllCPUs()
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	if pid := c.Int("while-pid"); pid > 0 {
		var cancel context.CancelFunc
		if ctx, cancel, err = watch.WhileAlive(ctx, pid); err != nil {
			return cmdline.Undone(err)
		}
		defer cancel()
	}
	err = watch.Run(ctx, o)
	told.Sum(o.Layouts, err)
	if errors.Is(err, watch.ErrTold) {
		return cli.Exit("", 1)
	}
	return cmdline.Undone(err)
}
