package main

import (
	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/manage/install"
)

func uninstallCommand() *cli.Command {
	return &cli.Command{
		Name:  "uninstall",
		Usage: "give runners their own Workers back, and leave no trace",
		Description: "The runner's files are what they were, and units, private folders and the record of starts are removed. " +
			"When no runner has the shim any more the binary goes too, unless a package has brought it. A runner " +
			"with a living wrapped Worker is left as it is, and the exit status is 1; if several are given, as with " +
			"--all, the others are left too. A runner that config.sh has removed, or whose .runner makes no " +
			"sense, gets its Worker back too. One whose folder was removed is taken off the list, and its units with it.",
		Flags: append(chooseRunners("uninstall"),
			&cli.BoolFlag{Name: "force", Usage: "also if wrapped Workers are alive, whose folders then stay", DisableDefaultText: true},
			&cli.StringFlag{Name: "prefix", Usage: "the binary was put into `DIR`/lib/worker-wrap (default: /usr/local)"},
		),
		Action:       func(c *cli.Context) error { return change(c, true, install.Uninstall) },
		OnUsageError: cmdline.UsageError,
	}
}
