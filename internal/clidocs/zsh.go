package clidocs

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Zsh returns a completion function for zsh, to be named _PROGRAM in a folder of fpath
// (zshcompsys(1)).
func Zsh(app *cli.App) []byte {
	var b strings.Builder
	function := "_" + app.Name
	fmt.Fprintf(&b, "#compdef %s\n# generated from the definition of %s's command line\n\n%s() {\n", app.Name, app.Name, function)
	b.WriteString(`	local context state state_descr line
	typeset -A opt_args
	integer dashes=${words[(i)--]}
	if (( dashes < CURRENT )); then
		# What follows is a command of its own.
		shift $dashes words
		(( CURRENT -= dashes ))
		_normal
		return
	fi
	_arguments -C \
`)
	zshOptions(&b, options(app.Flags, true))
	b.WriteString("\t\t'1: :->subcommand' \\\n\t\t'*:: :->rest'\n\tcase $state in\n\tsubcommand)\n\t\tlocal -a subcommands=(\n")
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "\t\t\t%s\n", quote(c.Name+":"+strings.ReplaceAll(c.Usage, ":", `\:`)))
	}
	b.WriteString("\t\t)\n\t\t_describe -t commands subcommand subcommands\n\t\t;;\n\trest)\n\t\tcase $words[1] in\n")
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "\t\t%s)\n\t\t\t_arguments \\\n", c.Name)
		zshOptions(&b, options(c.Flags, true))
		rest := "'*: :'"
		if fileArgs(c) {
			rest = "'*: :_files'"
		}
		fmt.Fprintf(&b, "\t\t\t\t%s\n\t\t\t;;\n", rest)
	}
	fmt.Fprintf(&b, "\t\tesac\n\t\t;;\n\tesac\n}\n\n%s \"$@\"\n", function)
	return []byte(b.String())
}

// zshOptions writes one _arguments spec for each option.
func zshOptions(b *strings.Builder, all []option) {
	escape := strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`, ":", `\:`)
	for _, o := range all {
		names := o.dashed()
		spec := quote("*" + names[0] + zshRest(o, escape))
		if len(names) > 1 {
			spec = quote("*") + "{" + strings.Join(names, ",") + "}" + quote(zshRest(o, escape))
		}
		fmt.Fprintf(b, "\t\t%s \\\n", spec)
	}
}

func zshRest(o option, escape *strings.Replacer) string {
	rest := "[" + escape.Replace(o.plain()) + "]"
	if o.value == "" {
		return rest
	}
	action := " "
	switch o.kind() {
	case folder:
		action = "_files -/"
	case file:
		action = "_files"
	case oneOf:
		action = "(" + strings.Join(o.words(), " ") + ")"
	}
	return rest + ":" + escape.Replace(o.value) + ":" + action
}
