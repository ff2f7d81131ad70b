package main

import (
	"embed"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
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
				return cmdline.Refuse(c.Command, "help takes one subcommand, and got %d", c.NArg())
			case name == "":
				return cli.ShowAppHelp(c)
			case !slices.ContainsFunc(cmdline.Shown(c.App), func(sub *cli.Command) bool { return sub.Name == name }):
				return cmdline.Refuse(c.Command, "%s; worker-wrap --help lists them", cmdline.NoSubcommand(c.App, name))
			}
			return cli.ShowCommandHelp(c.Lineage()[1], name)
		},
		OnUsageError: cmdline.UsageError,
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:         "version",
		Usage:        "print the version, and what the kernel offers",
		Action:       func(c *cli.Context) error { return printVersion(c.App.Writer) },
		OnUsageError: cmdline.UsageError,
	}
}

// completions are static: Tab runs no program that has a capability.
//
//go:embed completions
var completions embed.FS

func completionCommand() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print the script by which a shell completes subcommands and options at Tab",
		ArgsUsage: "bash|zsh|fish",
		Description: "Packages bring these files. Elsewhere, in the shell's startup file:\n\n" +
			"    bash, zsh:  source <(worker-wrap completion bash)\n" +
			"    fish:       worker-wrap completion fish | source",
		Action: func(c *cli.Context) error {
			text, err := completions.ReadFile("completions/worker-wrap." + c.Args().First())
			if err != nil || c.NArg() != 1 {
				return cmdline.Refuse(c.Command, "say for which shell: worker-wrap completion bash|zsh|fish")
			}
			_, err = c.App.Writer.Write(text)
			return err
		},
		OnUsageError: cmdline.UsageError,
	}
}
