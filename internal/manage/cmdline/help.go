package cmdline

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// flagText is an option's line in a page of help. The cli package names those twice that may be given several times.
var flagText = cli.FlagStringer

// ShortFlag is an option as a page of help shows it.
func ShortFlag(f cli.Flag) string {
	name, usage, _ := strings.Cut(flagText(f), "\t")
	name, _, several := strings.Cut(name, " [ --")
	if several {
		name += " …"
	}
	return name + "\t" + usage
}

// PrintHelp prints a page of help as wide as the terminal: the cli package wraps no options.
func PrintHelp(w io.Writer, page string, data any) {
	var b strings.Builder
	cli.HelpPrinterCustom(&b, page, data, nil)
	_, _ = io.WriteString(w, screen.Of(os.Stdout, w).Page().Fold(b.String())) // w keeps the error
}

// Shown are the subcommands that people use.
func Shown(app *cli.App) []*cli.Command {
	return slices.DeleteFunc(slices.Clone(app.Commands), func(c *cli.Command) bool { return c.Hidden })
}
