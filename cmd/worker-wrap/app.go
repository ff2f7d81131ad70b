package main

import (
	"errors"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// runApp runs a subcommand and returns the exit code.
func runApp(args []string) int {
	origin.Quiet()
	own, command := split(args)
	app := newApp()
	out := &cmdline.Output{W: visible.Writer(os.Stdout)}
	app.Writer, app.ErrWriter = out, visible.Writer(os.Stderr)
	app.Metadata = map[string]any{cmdline.After: command}
	err := out.Result(cmdline.NoTopic(app, app.Run(own)))
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		cmdline.SayStderr(os.Stderr, journald.Err, text)
	}
	var coder cli.ExitCoder
	if errors.As(err, &coder) {
		return coder.ExitCode()
	}
	return cmdline.ExitUsage
}

// split parts the command line at the first "--", so that nothing after it can be taken for a subcommand or an option
// of worker-wrap. command is nil if there is no "--".
func split(args []string) (own, command []string) {
	i := slices.Index(args, "--")
	if i < 0 {
		return args, nil
	}
	return args[:i], append([]string{}, args[i+1:]...)
}

func newApp() *cli.App {
	cli.HelpPrinter, cli.FlagStringer = cmdline.PrintHelp, cmdline.ShortFlag
	return &cli.App{
		Name:      "worker-wrap",
		Usage:     "give each Worker of a GitHub Actions runner a _temp of its own",
		UsageText: "worker-wrap [--temp DIR | --runner-root DIR] -- cmd args…\nworker-wrap SUBCOMMAND [options]",
		Description: "Two Workers of one runner can be alive at once, and the one that ends empties the _temp of both. " +
			"worker-wrap stands where the runner starts its Worker. A Worker that meets another gets a fresh folder over _temp, in a " +
			"mount namespace that only it sees.",
		Flags:       append(runFlags(), cli.HelpFlag),
		Before:      beforeAny,
		Action:      runAction,
		HideVersion: true, // --version is ours: it asks the kernel too

		DisableSliceFlagSeparator: true, // a folder's name may have commas
		Commands:                  cmdline.Checked(subcommands()),
		ExitErrHandler:            func(*cli.Context, error) {}, // runApp reports, once
		OnUsageError:              cmdline.UsageError,
	}
}

// subcommands lists every subcommand, in the order of the help page.
func subcommands() []*cli.Command {
	return []*cli.Command{
		runCommand(),
		installCommand(),
		uninstallCommand(),
		demoCommand(),
		doctorCommand(),
		statusCommand(),
		psCommand(),
		enterCommand(),
		gcCommand(),
		auditCommand(),
		watchCommand(),
		completionCommand(),
		versionCommand(),
		helpCommand(),
		placeCommand(),
		sweepCommand(),
		endedCommand(),
		relayCommand(),
		dockerProxyCommand(),
		standinWorkerCommand(),
	}
}

// beforeAny comes before each subcommand, and before what is done without one.
func beforeAny(c *cli.Context) error {
	for _, check := range []cli.BeforeFunc{cmdline.MisplacedOption, cmdline.EmptyValue, dropCapabilities} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

// dropCapabilities gives up what the binary's file capability gave an ordinary user, if it has no use. The demo starts
// the shim as often as not, and looks what it may do first. What a keeper becomes records an end in any case.
func dropCapabilities(c *cli.Context) error {
	switch c.Args().First() {
	case "", "run", "demo", early.RelayCommand, early.EndCommand:
		return nil
	}
	return nsenter.DropCapabilities()
}
