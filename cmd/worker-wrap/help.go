package main

import (
	"embed"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

func helpCommand() *cli.Command {
	return &cli.Command{
		Name:      "help",
		Usage:     "show how worker-wrap, or one of its subcommands, is used",
		ArgsUsage: "[SUBCOMMAND]",
		Action: func(c *cli.Context) error {
			name := c.Args().First()
			switch {
			case c.NArg() > 1:
				return refuse(c.Command, "help takes one subcommand, and got %d", c.NArg())
			case name == "":
				return cli.ShowAppHelp(c)
			case !slices.ContainsFunc(shown(c.App), func(sub *cli.Command) bool { return sub.Name == name }):
				return refuse(c.Command, "%q is not a subcommand%s, worker-wrap --help lists those", name, nearestCommand(c.App, name))
			}
			return cli.ShowCommandHelp(c.Lineage()[1], name)
		},
		OnUsageError: usageError,
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version, and what the kernel offers",
		Action:       func(c *cli.Context) error { return printVersion(c.App.Writer) },
		OnUsageError: usageError,
	}
}

// completions are static: Tab runs no program that has a capability.
//
//go:embed completions
var completions embed.FS

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what has a shell complete subcommands and options at Tab",
		ArgsUsage: "bash|zsh|fish",
		Description: "Packages bring these files. Elsewhere, in the shell's startup file:\n\n" +
			"    bash, zsh:  source <(worker-wrap completion bash)\n" +
			"    fish:       worker-wrap completion fish | source",
		Action: func(c *cli.Context) error {
			text, err := completions.ReadFile("completions/worker-wrap." + c.Args().First())
			if err != nil || c.NArg() != 1 {
				return refuse(c.Command, "say for which shell: worker-wrap completion bash|zsh|fish")
			}
			_, err = c.App.Writer.Write(text)
			return err
		},
		OnUsageError: usageError,
	}
}

// flagText is an option's line in a page of help. The cli package names those twice that may be given several times.
var flagText = cli.FlagStringer

func shortFlag(f cli.Flag) string {
	name, usage, _ := strings.Cut(flagText(f), "\t")
	name, _, several := strings.Cut(name, " [ --")
	if several {
		name += " …"
	}
	return name + "\t" + usage
}

// printHelp prints a page of help as wide as the terminal: the cli package wraps no options.
func printHelp(w io.Writer, page string, data any) {
	var b strings.Builder
	cli.HelpPrinterCustom(&b, page, data, nil)
	_, _ = io.WriteString(w, screen.Of(os.Stdout, w).Page().Fold(b.String())) // w keeps the error
}

// shown are the subcommands that people use.
func shown(app *cli.App) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(app.Commands), func(c *cli.Command) bool { return c.Hidden })
}

// nearestCommand names the subcommand that may have been meant, for the middle of a sentence.
func nearestCommand(app *cli.App, given string) string {
	cli.SuggestDidYouMeanTemplate = "%s"
	return nearest(cli.SuggestCommand(shown(app), given))
}

// nearestOption is nearestCommand for an option.
func nearestOption(c *cli.Command, given string) string {
	return nearest(cli.SuggestFlag(c.VisibleFlags(), given, false))
}

func nearest(name string) string {
	if name == "" {
		return ""
	}
	return ", the nearest is " + name
}
