package main

import (
	"errors"
	"os"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/start/early"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
	"github.com/worker-wrap/worker-wrap/nsenter"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// The exit codes of subcommands. Audit has its own.
const (
	exitDoubtful    = 1 // something could not be done, or is not as it should be; what, is said above
	exitUnprotected = 2 // a runner's jobs are not protected
	// exitUsage is the code for a command line that makes no sense, and for a subcommand that could not do its work.
	exitUsage = shim.ExitFailed
)

// after is the metadata key of what stood after "--" on the command line.
const after = "command"

// runApp runs a subcommand and returns the exit code.
func runApp(args []string) int {
	origin.Quiet()
	own, command := split(args)
	app := newApp()
	out := &output{w: visible.Writer(os.Stdout)}
	app.Writer, app.ErrWriter = out, visible.Writer(os.Stderr)
	app.Metadata = map[string]any{after: command}
	err := out.result(app.Run(own))
	if err == nil {
		return 0
	}
	if text := err.Error(); text != "" {
		sayStderr(os.Stderr, journald.Err, text)
	}
	var coder cli.ExitCoder
	if errors.As(err, &coder) {
		return coder.ExitCode()
	}
	return exitUsage
}

// split parts the command line at the first "--", so that nothing after it can be taken for a
// subcommand or an option of worker-wrap. command is nil where there is no "--".
func split(args []string) (own, command []string) {
	i := slices.Index(args, "--")
	if i < 0 {
		return args, nil
	}
	return args[:i], append([]string{}, args[i+1:]...)
}

// commandAfter returns what stood after "--", nil if there was none.
func commandAfter(c *cli.Context) []string {
	command, _ := c.App.Metadata[after].([]string)
	return command
}

func newApp() *cli.App {
	cli.HelpPrinter, cli.FlagStringer = printHelp, shortFlag
	return &cli.App{
		Name:      "worker-wrap",
		Usage:     "give each Worker of a GitHub Actions runner a _temp of its own",
		UsageText: "worker-wrap [--temp DIR | --runner-root DIR] -- cmd args…\nworker-wrap SUBCOMMAND [options]",
		Description: "Two Workers of one runner can be alive at once, and the one that ends empties the _temp of both. " +
			"worker-wrap stands where the runner starts its Worker, lays a fresh folder over _temp in a mount " +
			"namespace that only this Worker sees, and becomes the Worker.",
		Flags:       append(runFlags(), cli.HelpFlag),
		Before:      beforeAny,
		Action:      runAction,
		HideVersion: true, // --version is ours: it asks the kernel too

		DisableSliceFlagSeparator: true, // a folder's name may have commas
		Commands:                  checked(subcommands()),
		ExitErrHandler:            func(*cli.Context, error) {}, // runApp reports, once
		OnUsageError:              usageError,
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
	for _, check := range []cli.BeforeFunc{misplacedOption, emptyValue, dropCapabilities} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

// dropCapabilities gives up what the binary's file capability gave an ordinary user, where it has no use.
// The demo starts the shim as often as not, and looks what it may do first.
func dropCapabilities(c *cli.Context) error {
	switch c.Args().First() {
	case "", "run", "demo", early.RelayCommand:
		return nil
	}
	return nsenter.DropCapabilities()
}
