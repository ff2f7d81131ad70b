package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/evidence/demo"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// insideFlag tells the demo that it was started again in a user namespace.
const insideFlag = "in-user-namespace"

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:      "demo",
		Usage:     "replay actions/runner#4357, without worker-wrap and with it",
		UsageText: "worker-wrap demo [--runner VERSION]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "runner", Usage: "play a runner of `VERSION`; since 2.336 it holds the next job, which is shown then, beside an older one with WORKER_WRAP_WAIT"},
			&cli.BoolFlag{Name: insideFlag, Hidden: true},
		},
		Action: demoAction,

		OnUsageError: cmdline.UsageError,
	}
}

func demoAction(c *cli.Context) error {
	run, inside := demo.Run, []string{"demo", "--" + insideFlag}
	if version := c.String("runner"); c.IsSet("runner") {
		var minor int
		if n, err := fmt.Sscanf(version, "2.%d", &minor); n != 1 || err != nil {
			return cmdline.Refuse(c.Command, "--runner %s: is not a runner's version; give one as 2.335 or 2.336.0", version)
		}
		if minor >= 336 {
			run = demo.RunHeld
		}
		inside = append(inside, "--runner="+version)
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	if err := demo.CanMount(); err != nil {
		if c.Bool(insideFlag) {
			return cli.Exit(fmt.Sprintf("demo: %v", demo.Forbidden(err)), cmdline.ExitUsage)
		}
		if _, err := fmt.Fprintf(c.App.Writer, "Running as uid %d in a user namespace of its own, to be allowed to mount.\n", os.Getuid()); err != nil {
			return err
		}
		return demoResult(demo.InUserNamespace(ctx, program, inside...))
	}
	o := demo.Options{Out: c.App.Writer, Program: program, Width: screen.Columns(os.Stdout)}
	if o.Width > 0 {
		o.Terminal = c.App.Writer
	}
	return demoResult(run(ctx, o))
}

// demoResult gives an error its exit code: 1 if a half of the demo went otherwise than it should, 130 if it was
// interrupted.
func demoResult(err error) error {
	var unmet *demo.Unmet
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit):
		return cli.Exit("", max(exit.ExitCode(), 1)) // it has said why
	case errors.Is(err, context.Canceled):
		return cli.Exit("demo: interrupted", 130)
	case errors.As(err, &unmet):
		return cli.Exit(fmt.Sprintf("demo: %v", err), 1)
	}
	return cli.Exit(fmt.Errorf("demo: %w", err), cmdline.ExitUsage)
}
