package clidocs

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// option is a flag as the documents need it.
type option struct {
	names []string // without dashes, the long name first
	value string   // what stands for its value, such as DIR; "" where it takes none
	usage string   // with the value in back quotes, as it is in the definition
	deflt string
}

// options lists the flags that help shows, in the order of their definition, then --help.
func options(flags []cli.Flag, help bool) []option {
	var out []option
	for _, f := range flags {
		if v, ok := f.(cli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		d, ok := f.(cli.DocGenerationFlag)
		if !ok {
			continue
		}
		o := option{names: f.Names(), usage: d.GetUsage()}
		if d.TakesValue() {
			o.value = "value"
			if quoted := strings.SplitN(o.usage, "`", 3); len(quoted) == 3 && quoted[1] != "" {
				o.value = quoted[1]
			}
			if o.deflt = d.GetDefaultText(); o.deflt == "" {
				o.deflt = d.GetValue()
			}
			o.deflt = strings.Trim(o.deflt, `"`)
		}
		out = append(out, o)
	}
	if help {
		out = append(out, option{names: []string{"help", "h"}, usage: "show help"})
	}
	return out
}

// plain is the usage without back quotes.
func (o option) plain() string { return strings.ReplaceAll(o.usage, "`", "") }

// dashed are the names as they are typed.
func (o option) dashed() []string {
	var out []string
	for _, n := range o.names {
		if len(n) == 1 {
			out = append(out, "-"+n)
		} else {
			out = append(out, "--"+n)
		}
	}
	return out
}

// kind is what a shell can offer for a value.
type kind int

const (
	anything kind = iota
	folder
	file
	oneOf // the values are written out: text|json
)

func (o option) kind() kind {
	switch v := strings.TrimSuffix(o.value, "…"); {
	case v == "DIR", v == "FOLDER":
		return folder
	case v == "FILE", v == "PATH", v == "SOCKET":
		return file
	case strings.Contains(v, "|"):
		return oneOf
	}
	return anything
}

// words are the values of a oneOf.
func (o option) words() []string { return strings.Split(o.value, "|") }

// commands lists the subcommands that help shows.
func commands(app *cli.App) []*cli.Command {
	var out []*cli.Command
	for _, c := range app.Commands {
		if !c.Hidden {
			out = append(out, c)
		}
	}
	return out
}

// fileArgs reports whether a subcommand's arguments are files or folders, by its usage text:
// "worker-wrap audit [--json] DIR…". The value of an option, as in "[--temp DIR]", is no argument.
func fileArgs(c *cli.Command) bool {
	between := func(r rune) bool { return strings.ContainsRune(" \n[]()…|", r) }
	previous := ""
	for _, word := range strings.FieldsFunc(c.UsageText+" "+c.ArgsUsage, between) {
		switch word {
		case "DIR", "FILE", "PATH", "LOG":
			if !strings.HasPrefix(previous, "-") {
				return true
			}
		}
		previous = word
	}
	return false
}
