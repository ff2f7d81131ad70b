package cmdline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
)

// Checked has each subcommand that people use refuse what it would ignore, and take folders by the names that they
// have. Those that the shim starts take anything.
func Checked(all []*cli.Command) []*cli.Command {
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
	if err := EmptyValue(c); err != nil {
		return err
	}
	return strayArgument(c)
}

// MisplacedOption refuses options before a subcommand: they would count as the program's own, and the subcommand
// would not know of them.
func MisplacedOption(c *cli.Context) error {
	sub, given := c.Command.Command(c.Args().First()), c.LocalFlagNames()
	if sub == nil || len(given) == 0 {
		return nil
	}
	name := given[0]
	switch {
	case HasFlag(sub, name):
		return Refuse(sub, "write --%[1]s after %[2]s: worker-wrap %[2]s --%[1]s …", name, sub.Name)
	case name == "version", name == "v":
		return Refuse(sub, "--version stands alone: worker-wrap --version")
	}
	return Refuse(sub, "%[2]s has no --%[1]s; if %[2]s is the command to run, write it after --: worker-wrap --%[1]s … -- %[2]s", name, sub.Name)
}

// EmptyValue refuses an option that is there and has no value: it would count as left out.
func EmptyValue(c *cli.Context) error {
	for _, name := range c.LocalFlagNames() {
		if c.String(name) == "" || slices.Contains(c.StringSlice(name), "") {
			return Refuse(c.Command, "--%s has an empty value, as from a variable that is not set: give it one, or leave the option out", name)
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
				return Refuse(sub, "write options before the paths: worker-wrap %s %s …; a path that begins with a dash, after --", sub.Name, visible.Word(arg))
			}
		}
	}
	if sub.ArgsUsage != "" {
		stray = nil
	}
	if !starts && !list {
		stray = append(stray, CommandAfter(c)...)
	}
	switch {
	case len(stray) == 0:
		return nil
	case starts:
		return Refuse(sub, "%q is not an option; to run a command write it after --: worker-wrap %s -- %s", stray[0], sub.Name, visible.Word(stray[0]))
	case HasFlag(sub, "runner-root"):
		return Refuse(sub, "%q is not an option; name a runner with --runner-root %s", stray[0], visible.Word(stray[0]))
	}
	return Refuse(sub, "%s takes no arguments, and got %q", sub.Name, stray[0])
}

// Refuse is the error for a command line of sub that makes no sense.
func Refuse(sub *cli.Command, format string, args ...any) error {
	code := ExitUsage
	if sub.Name == "audit" {
		code = AuditFailed
	}
	return cli.Exit(fmt.Sprintf(format, args...), code)
}

// UsageError is refuse for what the cli package finds. It has the words of package flag, which people are not to read.
func UsageError(c *cli.Context, err error, _ bool) error {
	text, see := err.Error(), c.Command.HelpName+" --help"
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return Refuse(c.Command, "%s; see %s", noOption(c.Command, name), see)
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: -"); ok {
		return Refuse(c.Command, "%s %s; see %s", dashed(name), takes(c.Command, name), see)
	}
	if given, ok := strings.CutPrefix(text, "bad flag syntax: "); ok {
		return Refuse(c.Command, "%q is not an option; see %s", given, see)
	}
	if names, ok := strings.CutPrefix(text, "Cannot use two forms of the same flag: "); ok {
		one, other, _ := strings.Cut(names, " ")
		return Refuse(c.Command, "%s and %s are the same; give one", dashed(one), dashed(other))
	}
	// A value stands in quotes before the option, and may hold anything.
	if m := regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^ :]+): `).FindStringSubmatch(text); m != nil {
		return Refuse(c.Command, "%s %s, and got %s; see %s", dashed(m[2]), takes(c.Command, m[2]), m[1], see)
	}
	return Refuse(c.Command, "%s; see %s", text, see)
}

// NoTopic has our words, and our exit code, if the cli package has no page of help for the question.
func NoTopic(app *cli.App, err error) error {
	if err == nil {
		return nil
	}
	if name, ok := strings.CutPrefix(err.Error(), "No help topic for '"); ok {
		return cli.Exit(NoSubcommand(app, strings.TrimSuffix(name, "'"))+"; worker-wrap --help lists them", ExitUsage)
	}
	return err
}

// takes says what an option wants to be given.
func takes(c *cli.Command, name string) string {
	i := slices.IndexFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
	switch c.Flags[i].(type) {
	case *cli.BoolFlag:
		return "takes no value"
	case *cli.IntFlag:
		return "takes a number"
	case *cli.DurationFlag:
		return "takes a duration, as 30s or 5m"
	}
	return "takes a value"
}

// dashed returns an option as it is written.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// HasFlag reports whether a subcommand has an option.
func HasFlag(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}
