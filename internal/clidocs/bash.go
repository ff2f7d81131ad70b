package clidocs

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Bash returns a completion script for bash, to be named like the program in a folder such as
// /usr/share/bash-completion/completions. It needs nothing of the bash-completion package.
func Bash(app *cli.App) []byte {
	var b strings.Builder
	function := "_" + identifier(app.Name)
	fmt.Fprintf(&b, "# bash completion for %s; generated from its command line's definition\n\n%s() {\n", app.Name, function)
	b.WriteString(`	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i sub=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			# What follows is a command of its own.
			if ((COMP_CWORD == i + 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				mapfile -t COMPREPLY < <(compgen -f -- "$cur")
				compopt -o filenames 2>/dev/null
			fi
			return
			;;
`)
	for _, o := range options(app.Flags, false) {
		if o.value != "" {
			fmt.Fprintf(&b, "\t\t%s) ((i++)) ;;\n", strings.Join(o.dashed(), " | "))
		}
	}
	var names []string
	for _, c := range commands(app) {
		names = append(names, c.Name)
	}
	fmt.Fprintf(&b, "\t\t%s)\n\t\t\tsub=${COMP_WORDS[i]}\n\t\t\tbreak\n\t\t\t;;\n\t\tesac\n\tdone\n", strings.Join(names, " | "))
	b.WriteString("\tcase $sub:$prev in\n")
	bashValues(&b, "", options(app.Flags, false))
	for _, c := range commands(app) {
		bashValues(&b, c.Name, options(c.Flags, false))
	}
	b.WriteString("\tesac\n\tcase $sub in\n")
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "\t%s)\n\t\tmapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\")\n", c.Name, quote(bashWords(options(c.Flags, true))))
		if fileArgs(c) {
			b.WriteString("\t\t[[ $cur == -* ]] || {\n\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\t\t\tcompopt -o filenames 2>/dev/null\n\t\t}\n")
		}
		b.WriteString("\t\t;;\n")
	}
	fmt.Fprintf(&b, "\t*) mapfile -t COMPREPLY < <(compgen -W %s -- \"$cur\") ;;\n\tesac\n}\n\ncomplete -F %s %s\n",
		quote(strings.Join(names, " ")+" -- "+bashWords(options(app.Flags, true))), function, app.Name)
	return []byte(b.String())
}

// bashValues writes what may follow each option that takes a value.
func bashValues(b *strings.Builder, sub string, all []option) {
	for _, o := range all {
		if o.value == "" {
			continue
		}
		var patterns []string
		for _, name := range o.dashed() {
			patterns = append(patterns, sub+":"+name)
		}
		action := "return"
		switch o.kind() {
		case folder:
			action = "mapfile -t COMPREPLY < <(compgen -d -- \"$cur\")\n\t\tcompopt -o filenames 2>/dev/null\n\t\treturn"
		case file:
			action = "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\t\tcompopt -o filenames 2>/dev/null\n\t\treturn"
		case oneOf:
			action = "mapfile -t COMPREPLY < <(compgen -W " + quote(strings.Join(o.words(), " ")) + " -- \"$cur\")\n\t\treturn"
		}
		fmt.Fprintf(b, "\t%s)\n\t\t%s\n\t\t;;\n", strings.Join(patterns, " | "), action)
	}
}

func bashWords(all []option) string {
	var words []string
	for _, o := range all {
		words = append(words, o.dashed()[0])
	}
	return strings.Join(words, " ")
}

// quote makes one word for any of the three shells.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// identifier makes a function name of a program's name.
func identifier(s string) string { return strings.ReplaceAll(s, "-", "_") }
