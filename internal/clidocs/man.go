package clidocs

import (
	"fmt"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/urfave/cli/v2"
)

// Page is what a man page has beside the command line's definition.
type Page struct {
	Section int
	Version string
	// Tail is Markdown that follows the subcommands: "# ENVIRONMENT", "# FILES", …
	Tail string
}

// Man returns the man page of app in roff (man(7)).
func Man(app *cli.App, page Page) []byte {
	return md2man.Render([]byte(markdown(app, page)))
}

func markdown(app *cli.App, page Page) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%% %q %q %q %q %q\n\n", strings.ToUpper(app.Name), fmt.Sprint(page.Section), "",
		app.Name+" "+page.Version, "System administration")
	fmt.Fprintf(&b, "# NAME\n\n%s - %s\n\n# SYNOPSIS\n\n", app.Name, escape(app.Usage))
	for line := range strings.Lines(app.UsageText) {
		fmt.Fprintf(&b, "**%s**%s\n\n", app.Name, escape(strings.TrimPrefix(strings.TrimSpace(line), app.Name)))
	}
	if app.Description != "" {
		fmt.Fprintf(&b, "# DESCRIPTION\n\n%s\n\n", escape(app.Description))
	}
	b.WriteString("# OPTIONS\n\n")
	writeOptions(&b, options(app.Flags, !app.HideHelp))
	b.WriteString("# SUBCOMMANDS\n\n")
	for _, c := range commands(app) {
		writeCommand(&b, app.Name, c)
	}
	b.WriteString(page.Tail)
	return b.String()
}

func writeCommand(b *strings.Builder, program string, c *cli.Command) {
	fmt.Fprintf(b, "## %s\n\n", escape(c.Name))
	synopsis := c.UsageText
	if synopsis == "" {
		synopsis = strings.TrimSpace(program + " " + c.Name + " [options] " + c.ArgsUsage)
	}
	for line := range strings.Lines(synopsis) {
		fmt.Fprintf(b, "**%s**%s\n\n", program, escape(strings.TrimPrefix(strings.TrimSpace(line), program)))
	}
	fmt.Fprintf(b, "%s.\n\n", escape(capital(strings.TrimSuffix(c.Usage, "."))))
	if c.Description != "" {
		fmt.Fprintf(b, "%s\n\n", escape(c.Description))
	}
	writeOptions(b, options(c.Flags, false))
}

// writeOptions writes a definition list: a term on a line of its own, then ": " and its text.
func writeOptions(b *strings.Builder, all []option) {
	for _, o := range all {
		names := o.dashed()
		for i := range names {
			names[i] = "**" + escape(names[i]) + "**"
			if o.value != "" {
				names[i] += " *" + escape(o.value) + "*"
			}
		}
		text := escape(o.plain())
		if o.value != "" {
			text = strings.Replace(text, escape(o.value), "*"+escape(o.value)+"*", 1)
		}
		if o.deflt != "" {
			text += " (default: " + escape(o.deflt) + ")"
		}
		fmt.Fprintf(b, "%s\n: %s\n\n", strings.Join(names, ", "), text)
	}
}

// escape makes a text plain in Markdown: names such as _temp are no emphasis.
func escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]<>#|~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
