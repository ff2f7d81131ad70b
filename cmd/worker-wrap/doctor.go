package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/checks"
	"github.com/worker-wrap/worker-wrap/internal/manage/choose"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/doctor"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "say whether the jobs of this machine's runners are protected, and what mends it if not",
		Description: "Looks at the kernel, at the privilege and what takes it away, at each runner and its " +
			"work folder, and at Docker and Podman. At the end a process is really isolated in the runner's own folders, as " +
			"the runner's user. The exit status is 0 if everything is well, 1 with warnings (!), and 2 if a " +
			"runner's jobs are not protected (✗). Run it as root to see everything.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "runner-root", Usage: "look at the runner in `DIR` (default: every runner of this machine, and the one found from the current folder upwards)"},
			cmdline.JSONFlag("a JSON object"), cmdline.WideFlag(), cmdline.UTCFlag(),
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "show only warnings (!) and failures (✗)", DisableDefaultText: true},
		},
		Action:       doctorAction,
		OnUsageError: cmdline.UsageError,
	}
}

func doctorAction(c *cli.Context) error {
	origin.AllCPUs()
	chosen, err := choose.These(c.StringSlice("runner-root"))
	if err != nil {
		return cli.Exit(err.Error(), cmdline.ExitUsage)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	facts := checks.Gather(chosen.Layouts, chosen.Broken, origin.Captured())
	report := doctor.Judge(facts)
	report.TryAll(facts, self)
	if c.Bool("json") {
		err = cmdline.Encode(c, report)
	} else {
		err = report.Print(cmdline.Screen(c), c.Bool("quiet"))
	}
	if err != nil {
		return err
	}
	if code := report.ExitCode(); code != 0 {
		return cli.Exit("", code) // said above
	}
	return nil
}
