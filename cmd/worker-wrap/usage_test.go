package main

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
)

// parse reads a command line as runApp does, with actions that do nothing. It returns the name of the
// subcommand whose action that was, and the exit code of the error.
func parse(t *testing.T, args ...string) (ran string, code int, err error) {
	t.Helper()
	return parseAs(t, true, args...)
}

// parseAs is parse; with idle false the actions are those of the program.
func parseAs(t *testing.T, idle bool, args ...string) (ran string, code int, err error) {
	t.Helper()
	own, command := split(append([]string{"worker-wrap"}, args...))
	app := newApp()
	app.Writer, app.ErrWriter = io.Discard, io.Discard
	app.Metadata = map[string]any{cmdline.After: command}
	note := func(c *cli.Context) error {
		ran = c.Command.Name
		return nil
	}
	if idle {
		app.Action = note
		for _, c := range app.Commands {
			c.Action = note
		}
	}
	err = app.Run(own)
	var coder cli.ExitCoder
	switch {
	case errors.As(err, &coder):
		code = coder.ExitCode()
	case err != nil:
		t.Errorf("%q: an error without an exit code: %v", args, err)
	}
	return ran, code, err
}

func refused(t *testing.T, want string, args ...string) {
	t.Helper()
	code := cmdline.ExitUsage
	if slices.Contains(args, "audit") {
		code = cmdline.AuditFailed
	}
	ran, got, err := parse(t, args...)
	if ran != "" || err == nil || got != code || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q: runs %q, exit code %d, %v; want none, %d, and one line with %q", args, ran, got, err, code, want)
	}
}

func accepted(t *testing.T, name string, args ...string) {
	t.Helper()
	if ran, _, err := parse(t, args...); ran != name || err != nil {
		t.Errorf("%q: runs %q, %v", args, ran, err)
	}
}

func visibleCommands(t *testing.T) []*cli.Command {
	t.Helper()
	all := slices.DeleteFunc(subcommands(), func(c *cli.Command) bool { return c.Hidden })
	if len(all) < 14 {
		t.Fatalf("only %d subcommands", len(all))
	}
	return all
}

// TestOptionsBeforeASubcommand: none is lost, by any subcommand.
func TestOptionsBeforeASubcommand(t *testing.T) {
	for _, c := range visibleCommands(t) {
		for _, o := range [][]string{{"--temp", "/x"}, {"--runner-root", "/x"}, {"--runner-root=/x"}, {"--userns"}, {"--version"}} {
			name, _, _ := strings.Cut(o[0], "=")
			refused(t, name, append(o, c.Name)...)
		}
		accepted(t, c.Name, c.Name)
	}
	refused(t, "write --runner-root after uninstall: worker-wrap uninstall --runner-root …", "--runner-root", "/x", "uninstall", "--dry-run")
	refused(t, "write --temp after run: worker-wrap run --temp …", "--temp", "/x", "run", "--", "true")
	refused(t, "ps has no --temp; if ps is the command to run, write it after --: worker-wrap --temp … -- ps", "--temp", "/x", "ps")
	refused(t, "--version stands alone: worker-wrap --version", "--version", "doctor")
	accepted(t, "worker-wrap", "--temp", "/x", "--userns", "--", "ps")
}

// TestStrayArguments: no subcommand ignores any, before -- or after it.
func TestStrayArguments(t *testing.T) {
	for _, c := range visibleCommands(t) {
		switch c.Name {
		case "audit", "enter", "run", "help", "completion":
			continue
		}
		for _, args := range [][]string{{"x"}, {"--", "x"}, {"x", "--"}, {"", "--"}, {"-"}, {"--", "--help"}} {
			refused(t, "", append([]string{c.Name}, args...)...)
		}
		accepted(t, c.Name, c.Name, "--") // ignores nothing
	}
	for _, name := range []string{"install", "uninstall", "doctor", "status", "gc", "watch"} {
		refused(t, `"/r x" is not an option; name a runner with --runner-root '/r x'`, name, "/r x")
	}
	for _, name := range []string{"ps", "demo", "version"} {
		refused(t, name+` takes no arguments, and got "x"`, name, "x")
	}
	refused(t, "to run a command write it after --: worker-wrap run -- ls", "run", "ls")
	accepted(t, "run", "run", "--", "ls")
	accepted(t, "enter", "enter", "latest", "--", "ls", "-l")
	accepted(t, "audit", "audit", "a", "b", "--", "c")
	accepted(t, "__sweep", "__sweep", "a", "b", "--", "c")
}

// TestOptionsAfterPaths are no paths.
func TestOptionsAfterPaths(t *testing.T) {
	refused(t, `write options before the paths: worker-wrap audit --json …; a path that begins with a dash, after --`, "audit", "a", "--json")
	refused(t, `write options before the paths: worker-wrap audit --html=x …`, "audit", "a", "b", "--html=x")
	refused(t, `write options before the paths: worker-wrap audit -x …`, "audit", "a", "-x", "--", "c")
	accepted(t, "audit", "audit", "a", "--", "-c")
	accepted(t, "audit", "audit", "-")
}

// TestEmptyValues: an option whose variable was not set is not as if it were not given.
func TestEmptyValues(t *testing.T) {
	n := 0
	for _, c := range append(visibleCommands(t), &cli.Command{Flags: runFlags()}) {
		for _, f := range c.Flags {
			if !f.(cli.DocGenerationFlag).TakesValue() {
				continue
			}
			n++
			args := []string{"--" + f.Names()[0], ""}
			if c.Name != "" {
				args = append([]string{c.Name}, args...)
			}
			switch f.(type) {
			case *cli.StringFlag, *cli.StringSliceFlag:
				refused(t, "--"+f.Names()[0]+" has an empty value", args...)
				args = append(args[:len(args)-2], args[len(args)-2]+"=")
				refused(t, "--"+f.Names()[0]+" has an empty value", append(args, "--", "true")...)
			default: // a number or the like: it cannot be read
				refused(t, "--"+f.Names()[0], args...)
			}
		}
	}
	if n < 14 {
		t.Errorf("only %d options with a value", n)
	}
	refused(t, "--runner-root", "doctor", "--runner-root", "/r", "--runner-root", "")
}

// TestUnknownOptions are named as they are written, with the nearest one and the place to read on; package flag says
// nothing of its own.
func TestUnknownOptions(t *testing.T) {
	refused(t, "there is no option --tmp, the nearest is --temp; see worker-wrap --help", "--tmp", "/x")
	refused(t, "there is no option --jsn, the nearest is --json; see worker-wrap doctor --help", "doctor", "--jsn")
	refused(t, "there is no option --runer-root, the nearest is --runner-root; see worker-wrap gc --help", "gc", "--runer-root=/x")
	refused(t, "there is no option -x; see worker-wrap ps --help", "ps", "-x")
	refused(t, "--temp takes a value; see worker-wrap --help", "--temp")
	refused(t, `--until-quiet takes a duration, as 30s or 5m, and got "x for flag -while-pid"; see worker-wrap watch --help`, "watch", "--until-quiet", "x for flag -while-pid")
	refused(t, `--while-pid takes a number, and got "9e9"; see worker-wrap watch --help`, "watch", "--while-pid", "9e9")
	refused(t, `--json takes no value, and got "no"; `, "ps", "--json=no")
	refused(t, `"---json" is not an option; see worker-wrap ps --help`, "ps", "---json")
	refused(t, "there is no option --root, the nearest is --runner-root; see worker-wrap gc --help", "gc", "--root", "/r")
	refused(t, "there is no option --hlp, the nearest is --help; see worker-wrap ps --help", "ps", "--hlp")
	refused(t, "there is no option --runner-root; see worker-wrap ps --help", "ps", "--runner-root", "/r") // nothing there is like it
	refused(t, "there is no option --seconds; see worker-wrap demo --help", "demo", "--seconds", "5")
	refused(t, "-v and --version are the same; give one", "--version", "-v")
}

// TestUnknownSubcommands are answered with the nearest one that people use.
func TestUnknownSubcommands(t *testing.T) {
	for given, want := range map[string]string{"instal": "install", "isntall": "install", "uninstal": "uninstall", "doctr": "doctor", "stats": "status", "hlep": "help"} {
		for _, args := range [][]string{{given}, {"help", given}} {
			_, code, err := parseAs(t, false, args...)
			if err == nil || code != cmdline.ExitUsage || !strings.Contains(err.Error(), `"`+given+`" is not a subcommand, the nearest is `+want) {
				t.Errorf("%q: exit code %d, %v", args, code, err)
			}
		}
	}
}

// TestFarNames: what is like no subcommand is answered with none.
func TestFarNames(t *testing.T) {
	for _, given := range []string{"nosuch", "x", "", " ", "make", "start"} {
		if _, _, err := parseAs(t, false, given); err == nil || strings.Contains(err.Error(), "nearest") {
			t.Errorf("%q: %v", given, err)
		}
	}
}

// TestHelp: what people try first works, and says of each subcommand what it is.
func TestHelp(t *testing.T) {
	for _, c := range visibleCommands(t) {
		if c.Name == "help" {
			continue // of itself it shows the page of all
		}
		var pages []string
		for _, args := range [][]string{{"help", c.Name}, {c.Name, "--help"}, {c.Name, "-h"}} {
			app, out := newApp(), &strings.Builder{}
			app.Writer = out
			if err := app.Run(append([]string{"worker-wrap"}, args...)); err != nil || !strings.Contains(out.String(), "worker-wrap "+c.Name) {
				t.Errorf("%q: %v, %q", args, err, out)
			}
			pages = append(pages, out.String())
		}
		if pages[0] != pages[1] || pages[1] != pages[2] {
			t.Errorf("%s: its help depends on how it is asked for", c.Name)
		}
	}
	for _, args := range [][]string{{"help"}, {"--help"}, {}} {
		app, out := newApp(), &strings.Builder{}
		app.Writer = out
		if err := app.Run(append([]string{"worker-wrap"}, args...)); err != nil || !strings.Contains(out.String(), "SUBCOMMAND [options]") {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
	if _, code, err := parseAs(t, false, "help", "ps", "gc"); err == nil || code != cmdline.ExitUsage {
		t.Errorf("help of two: exit code %d, %v", code, err)
	}
}

// TestVersion in each of its forms.
func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"version"}, {"--version"}, {"-v"}} {
		app, out := newApp(), &strings.Builder{}
		app.Writer = out
		if err := app.Run(append([]string{"worker-wrap"}, args...)); err != nil || !strings.HasPrefix(out.String(), "worker-wrap "+version+" (commit ") {
			t.Errorf("%q: %v, %q", args, err, out)
		}
	}
}

// TestListedOptions: each value is one folder, whatever its name.
func TestListedOptions(t *testing.T) {
	const odd = " a,b, "
	for _, c := range visibleCommands(t) {
		if !cmdline.HasFlag(c, "runner-root") || c.Name == "run" {
			continue
		}
		app := newApp()
		var got []string
		app.Command(c.Name).Action = func(c *cli.Context) error {
			got = c.StringSlice("runner-root")
			return nil
		}
		if err := app.Run([]string{"worker-wrap", c.Name, "--runner-root", odd, "--runner-root=/r"}); err != nil || !slices.Equal(got, []string{odd, "/r"}) {
			t.Errorf("%s: %q, %v", c.Name, got, err)
		}
	}
}
