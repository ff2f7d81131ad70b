//go:build worker_wrap_docs

package main

import (
	_ "embed"
	"fmt"
	"os"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"
)

//go:embed docs.md
var manTail string

// init makes this build a program of its own, which writes the man page and ends. It is kept out of the binary that is
// shipped: nobody needs it there.
//
//	go run -tags worker_wrap_docs ./cmd/worker-wrap docs/settings.md
func init() {
	page, err := manPage(os.Args[len(os.Args)-1])
	if err == nil {
		_, err = os.Stdout.Write(page)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// manPage makes worker-wrap(8) of the command line's definition, the table of settings in the page at path, and
// docs.md.
func manPage(path string) ([]byte, error) {
	settings, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	app := newApp()
	commands, err := app.ToMarkdown()
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("%% %q %q %q %q %q\n\n", strings.ToUpper(app.Name), "8", "", app.Name+" "+version, "System administration")
	return md2man.Render([]byte(head + commands + environment(string(settings)) + manTail)), nil
}

// environment makes a section of the rows "| `WORKER_WRAP_NAME` | values | what it does |".
func environment(page string) string {
	var b strings.Builder
	b.WriteString("\n# ENVIRONMENT\n\n")
	for line := range strings.Lines(page) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if name := strings.Trim(cells[0], " `"); len(cells) == 3 && strings.HasPrefix(name, "WORKER_WRAP_") {
			fmt.Fprintf(&b, "**%s** (%s)\n: %s\n\n", name, strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]))
		}
	}
	return b.String()
}
