package clidocs

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// Fish returns a completion script for fish, to be named PROGRAM.fish in a folder such as
// /usr/share/fish/vendor_completions.d. The CLI library's own ToFishCompletion offers files where none
// can stand and does not know of a command after "--".
func Fish(app *cli.App) []byte {
	var b strings.Builder
	var names []string
	for _, c := range commands(app) {
		names = append(names, c.Name)
	}
	ours := "__" + identifier(app.Name)
	fmt.Fprintf(&b, "# fish completion for %s; generated from its command line's definition\n\n", app.Name)
	fmt.Fprintf(&b, `function %[1]s_command --description 'After --: a command of its own'
    contains -- -- (commandline -opc)
end

function %[1]s_inner --description 'Complete that command'
    set -l words (commandline -opc)
    set -l first (math (contains -i -- -- $words) + 1)
    set -l rest (string escape -- $words[$first..-1] (commandline -ct))
    test (count $rest) -gt 0; and complete -C "$rest"; or complete -C (commandline -ct)
end

function %[1]s_sub --description 'The subcommand is one of those given, or with none given, missing'
    contains -- -- (commandline -opc); and return 1
    for word in (commandline -opc)[2..-1]
        if contains -- $word %[2]s
            contains -- $word $argv
            return
        end
    end
    test (count $argv) -eq 0
end

complete -c %[3]s -f
complete -c %[3]s -n %[1]s_command -a '(%[1]s_inner)'
`, ours, strings.Join(names, " "), app.Name)
	fishOptions(&b, app.Name, ours+"_sub", options(app.Flags, true))
	for _, c := range commands(app) {
		fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", app.Name, ours+"_sub", c.Name, quoteFish(c.Usage))
		in := quoteFish(ours + "_sub " + c.Name)
		fishOptions(&b, app.Name, in, options(c.Flags, true))
		if fileArgs(c) {
			fmt.Fprintf(&b, "complete -c %s -n %s -F\n", app.Name, in)
		}
	}
	return []byte(b.String())
}

func fishOptions(b *strings.Builder, program, when string, all []option) {
	for _, o := range all {
		fmt.Fprintf(b, "complete -c %s -n %s", program, when)
		for _, n := range o.names {
			if len(n) == 1 {
				fmt.Fprintf(b, " -s %s", n)
			} else {
				fmt.Fprintf(b, " -l %s", n)
			}
		}
		switch {
		case o.value == "":
		case o.kind() == folder:
			b.WriteString(" -x -a '(__fish_complete_directories)'")
		case o.kind() == file:
			b.WriteString(" -r -F")
		case o.kind() == oneOf:
			fmt.Fprintf(b, " -x -a %s", quoteFish(strings.Join(o.words(), " ")))
		default:
			b.WriteString(" -x")
		}
		fmt.Fprintf(b, " -d %s\n", quoteFish(o.plain()))
	}
}

// quoteFish makes one word in fish, in whose single quotes \\ and \' are escapes.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
