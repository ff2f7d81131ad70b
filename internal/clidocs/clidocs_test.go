package clidocs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/clidocs"
	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// app has one of each thing that the documents have to get right.
func app() *cli.App {
	return &cli.App{
		Name:        "try-me",
		Usage:       "show what a _temp *is*",
		UsageText:   "try-me [--temp DIR] -- cmd\ntry-me SUBCOMMAND",
		Description: "It's 100% [plain] <text>.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "temp", Usage: "lay it over `DIR` (default: here)"},
			&cli.BoolFlag{Name: "secret", Hidden: true},
		},
		Commands: []*cli.Command{
			{
				Name: "audit", Usage: "read logs: all of them", UsageText: "try-me audit [--form FORM] FILE…",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "form", Aliases: []string{"f"}, Usage: "print `text|json`", Value: "text"},
					&cli.PathFlag{Name: "out", Usage: "write to `FILE`"},
					&cli.IntFlag{Name: "count", Usage: "how many"},
				},
			},
			{Name: "status", Usage: "don't ask", Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print [JSON]"}}},
			{Name: "hidden", Hidden: true},
		},
	}
}

// place makes a folder to complete in: a folder "folder" and a file "file.txt".
func place(t *testing.T) string {
	dir := testkit.Dir(t)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "file.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// lines are command lines to complete, the cursor at their end, and what must be offered for the last
// word. absent must not be.
var lines = []struct {
	name   string
	words  []string
	want   []string
	absent []string
}{
	{"subcommands", []string{""}, []string{"audit", "status"}, []string{"hidden", "--secret", "file.txt"}},
	{"start of one", []string{"st"}, []string{"status"}, []string{"audit"}},
	{"options", []string{"--"}, []string{"--temp", "--help"}, []string{"--secret", "--form"}},
	{"folder", []string{"--temp", "f"}, []string{"folder"}, []string{"file.txt"}},
	{"after a value", []string{"--temp", "folder", "a"}, []string{"audit"}, []string{"status"}},
	{"options of a subcommand", []string{"audit", "--"}, []string{"--form", "--out", "--count", "--help"}, []string{"--temp", "--json"}},
	{"options of another", []string{"status", "--"}, []string{"--json"}, []string{"--form"}},
	{"words", []string{"audit", "--form", ""}, []string{"text", "json"}, []string{"file.txt"}},
	{"words after a short name", []string{"audit", "-f", "j"}, []string{"json"}, []string{"text", "file.txt"}},
	{"file", []string{"audit", "--out", "fi"}, []string{"file.txt"}, nil},
	{"argument", []string{"audit", "fi"}, []string{"file.txt"}, nil},
	{"no argument", []string{"status", ""}, nil, []string{"file.txt", "audit"}},
	{"command", []string{"--", "mkfif"}, []string{"mkfifo"}, []string{"file.txt"}},
	{"argument of a command", []string{"--", "cat", "fi"}, []string{"file.txt"}, []string{"audit"}},
}

func check(t *testing.T, got, want, absent []string) {
	t.Helper()
	for i := range got {
		got[i] = strings.TrimRight(got[i], "/ ")
	}
	for _, w := range want {
		if !slices.Contains(got, w) {
			t.Errorf("does not offer %q, but %q", w, got)
		}
	}
	for _, a := range absent {
		if slices.Contains(got, a) {
			t.Errorf("offers %q among %q", a, got)
		}
	}
}

func TestBash(t *testing.T) {
	bash := testkit.RequireTool(t, "bash", "bash")
	dir := place(t)
	script := write(t, "try-me", clidocs.Bash(app()))
	for _, l := range lines {
		t.Run(l.name, func(t *testing.T) {
			code := `. "$1"; shift; COMP_WORDS=(try-me "$@"); COMP_CWORD=$#; _try_me; printf '%s\n' "${COMPREPLY[@]}"`
			cmd := exec.Command(bash, append([]string{"--norc", "-uc", code, "bash", script}, l.words...)...)
			cmd.Dir = dir
			check(t, fields(t, cmd), l.want, l.absent)
		})
	}
}

func TestFish(t *testing.T) {
	fish := testkit.RequireTool(t, "fish", "fish")
	dir := place(t)
	script := write(t, "try-me.fish", clidocs.Fish(app()))
	for _, l := range lines {
		t.Run(l.name, func(t *testing.T) {
			line := "try-me " + strings.Join(l.words, " ")
			cmd := exec.Command(fish, "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''; true`, script, line)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir)
			check(t, fields(t, cmd), l.want, l.absent)
		})
	}
}

// TestZsh asks a zsh on a terminal of its own, with a compadd that also notes what it is given.
func TestZsh(t *testing.T) {
	zsh := testkit.RequireTool(t, "zsh", "zsh")
	dir := place(t)
	script := write(t, "_try-me", clidocs.Zsh(app()))
	args := []string{"-f", filepath.Join("testdata", "complete.zsh"), filepath.Dir(script), dir}
	for _, l := range lines {
		args = append(args, "try-me "+strings.Join(l.words, " "))
	}
	answers := map[string][]string{}
	for _, line := range fields(t, exec.Command(zsh, args...)) {
		number, offer, _ := strings.Cut(line, "=")
		answers[number] = append(answers[number], offer)
	}
	for i, l := range lines {
		t.Run(l.name, func(t *testing.T) { check(t, answers[fmt.Sprint(i+1)], l.want, l.absent) })
	}
}

func write(t *testing.T, name string, data []byte) string {
	path := filepath.Join(testkit.Dir(t), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func fields(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	return strings.FieldsFunc(strings.ReplaceAll(string(out), "\r", ""), func(r rune) bool { return r == '\n' })
}

func TestManPage(t *testing.T) {
	man := testkit.RequireTool(t, "man", "man-db")
	path := write(t, "try-me.8", clidocs.Man(app(), clidocs.Page{Section: 8, Version: "1.2.3", Tail: "# FILES\n\n*here*\n: a \\_temp\n"}))
	cmd := exec.Command(man, "--warnings", "-l", path)
	cmd.Env = append(os.Environ(), "MANWIDTH=200", "LC_ALL=C.UTF-8", "MANPAGER=cat", "TERM=dumb", "GROFF_NO_SGR=1")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v: %v\n%s", cmd, err, stderr.Bytes())
	}
	overstruck := strings.NewReplacer("_\b", "")
	text := strings.Join(strings.Fields(overstruck.Replace(string(out))), " ")
	for _, want := range []string{
		"TRY-ME(8)", "try-me 1.2.3",
		"try-me - show what a _temp *is*",
		"It's 100% [plain] <text>.",
		"--temp DIR lay it over DIR (default: here)",
		"--form text|json, -f text|json print text|json (default: text)",
		"try-me audit [--form FORM] FILE…",
		"FILES here a _temp",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the man page does not say %q:\n%s", want, text)
		}
	}
	for _, absent := range []string{"secret", "hidden"} {
		if strings.Contains(text, absent) {
			t.Errorf("the man page says %q", absent)
		}
	}
}

// TestGenerator runs the build that writes the program's own documents.
func TestGenerator(t *testing.T) {
	for _, args := range [][]string{{"man", "README.md"}, {"bash"}, {"zsh"}, {"fish"}} {
		cmd := exec.Command("go", append([]string{"run", "-tags", "worker_wrap_docs", "./cmd/worker-wrap"}, args...)...)
		cmd.Dir = testkit.Root()
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		text := strings.ReplaceAll(string(out), `\-`, "-")
		if !strings.Contains(text, "runner-root") {
			t.Errorf("%s does not know --runner-root:\n%s", args[0], out)
		}
		if args[0] != "man" {
			continue
		}
		for _, name := range settings(t) {
			if !strings.Contains(strings.ReplaceAll(text, `\_`, "_"), "WORKER_WRAP_"+name) {
				t.Errorf("the man page does not name WORKER_WRAP_%s", name)
			}
		}
	}
}

// settings lists the names that the program's sources read settings by: the cases of
// "switch name { case \"LOG\": …".
func settings(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, file := range []string{"internal/start/shim/settings.go", "internal/start/policy/settings.go"} {
		source, err := os.ReadFile(filepath.Join(testkit.Root(), file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`case ("[A-Z_]+"(, )?)+:`).FindAllString(string(source), -1) {
			for _, q := range regexp.MustCompile(`"[A-Z_]+"`).FindAllString(m, -1) {
				names = append(names, strings.Trim(q, `"`))
			}
		}
	}
	if len(names) < 5 {
		t.Fatalf("found only the settings %q", names)
	}
	return names
}

func TestSettings(t *testing.T) {
	got, err := clidocs.Settings([]byte("x\n\n| variable | value | what |\n|---|---|---|\n| `P_ONE` | `a` (default), `b` | do *one* `_temp`; or two |\n| other | | |\n"), "P_")
	want := "# ENVIRONMENT\n\n**P\\_ONE** (a (default), b)\n: do *one* \\_temp; or two\n\n"
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if got, err := clidocs.Settings([]byte("nothing"), "P_"); err == nil {
		t.Errorf("%q from nothing", got)
	}
}
