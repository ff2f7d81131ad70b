package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// checked has each subcommand that people use refuse what it would ignore, and take folders by the names that they
// have. Those that the shim starts take anything.
func checked(all []*cli.Command) []*cli.Command {
	for _, c := range all {
		if !c.Hidden {
			c.Before = checkUsage
		}
		for _, f := range c.Flags {
			if f, ok := f.(*cli.StringSliceFlag); ok {
				f.KeepSpace = true
			}
		}
	}
	return all
}

func checkUsage(c *cli.Context) error {
	if err := emptyValue(c); err != nil {
		return err
	}
	return strayArgument(c)
}

// misplacedOption refuses options before a subcommand: they would count as the program's own, and the subcommand
// would not know of them.
func misplacedOption(c *cli.Context) error {
	sub, given := c.Command.Command(c.Args().First()), c.LocalFlagNames()
	if sub == nil || len(given) == 0 {
		return nil
	}
	name := given[0]
	switch {
	case hasFlag(sub, name):
		return refuse(sub, "write --%[1]s after %[2]s: worker-wrap %[2]s --%[1]s …", name, sub.Name)
	case name == "version":
		return refuse(sub, "--version stands alone: worker-wrap --version")
	}
	return refuse(sub, "%[2]s has no --%[1]s; if %[2]s is the command to run, write it after --: worker-wrap --%[1]s … -- %[2]s", name, sub.Name)
}

// emptyValue refuses an option that is there and has no value: it would count as left out.
func emptyValue(c *cli.Context) error {
	for _, name := range c.LocalFlagNames() {
		if c.String(name) == "" || slices.Contains(c.StringSlice(name), "") {
			return refuse(c.Command, "--%s has an empty value, as from a variable that is not set: give it one, or leave the option out", name)
		}
	}
	return nil
}

// strayArgument refuses arguments, before or after "--", to a subcommand whose usage has none.
func strayArgument(c *cli.Context) error {
	sub, stray := c.Command, c.Args().Slice()
	if sub.Command(c.Args().First()) != nil {
		return nil // the cli package's own: help
	}
	starts, list := strings.Contains(sub.UsageText, "-- cmd"), strings.HasSuffix(sub.ArgsUsage, "…]")
	if list {
		for _, arg := range stray { // the cli package takes options before the first argument only
			if len(arg) > 1 && arg[0] == '-' {
				return refuse(sub, "write options before the paths: worker-wrap %s %s …; a path that begins with a dash, after --", sub.Name, visible.Word(arg))
			}
		}
	}
	if sub.ArgsUsage != "" {
		stray = nil
	}
	if !starts && !list {
		stray = append(stray, commandAfter(c)...)
	}
	switch {
	case len(stray) == 0:
		return nil
	case starts:
		return refuse(sub, "%q is not an option; to run a command write it after --: worker-wrap %s -- %s", stray[0], sub.Name, visible.Word(stray[0]))
	case hasFlag(sub, "runner-root"):
		return refuse(sub, "%q is not an option; name a runner with --runner-root %s", stray[0], visible.Word(stray[0]))
	}
	return refuse(sub, "%s takes no arguments, and got %q", sub.Name, stray[0])
}

// refuse is the error for a command line of sub that makes no sense.
func refuse(sub *cli.Command, format string, args ...any) error {
	code := exitUsage
	if sub.Name == "audit" {
		code = auditFailed
	}
	return cli.Exit(fmt.Sprintf(format, args...), code)
}

// usageError is refuse for what the cli package finds. It names options with one dash, as package flag does.
func usageError(c *cli.Context, err error, _ bool) error {
	text := err.Error()
	for _, before := range []string{"flag provided but not defined: ", "flag needs an argument: "} {
		if name, ok := strings.CutPrefix(text, before); ok {
			text = before + dashed(name)
		}
	}
	for _, between := range []string{" for flag ", " for "} { // values before them are quoted
		if i := strings.LastIndex(text, between+"-"); i > 0 && strings.HasPrefix(text, "invalid ") {
			text = text[:i+len(between)] + dashed(text[i+len(between):])
			break
		}
	}
	return refuse(c.Command, "%s; see %s --help", text, c.Command.HelpName)
}

// dashed returns text, which begins with an option after one dash, with as many as the option is written with.
func dashed(text string) string {
	if name, _, _ := strings.Cut(text, ":"); len(name) > len("-x") {
		return "-" + text
	}
	return text
}

func hasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
