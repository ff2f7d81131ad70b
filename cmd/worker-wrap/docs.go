//go:build worker_wrap_docs

package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/worker-wrap/worker-wrap/internal/clidocs"
)

//go:embed docs.md
var manTail string

// init makes this build a program of its own, which writes what is generated from the command line's
// definition and ends. It is kept out of the binary that is shipped: nobody needs it there.
//
//	go run -tags worker_wrap_docs ./cmd/worker-wrap man README.md
//	go run -tags worker_wrap_docs ./cmd/worker-wrap bash|zsh|fish
func init() {
	out, err := document(newApp(), os.Args[1:])
	if err == nil {
		_, err = os.Stdout.Write(out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func document(app *cli.App, args []string) ([]byte, error) {
	switch {
	case len(args) == 2 && args[0] == "man":
		readme, err := os.ReadFile(args[1])
		if err != nil {
			return nil, err
		}
		settings, err := clidocs.Settings(readme, "WORKER_WRAP_")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[1], err)
		}
		return clidocs.Man(app, clidocs.Page{Section: 8, Version: version, Tail: settings + manTail}), nil
	case len(args) == 1 && args[0] == "bash":
		return clidocs.Bash(app), nil
	case len(args) == 1 && args[0] == "zsh":
		return clidocs.Zsh(app), nil
	case len(args) == 1 && args[0] == "fish":
		return clidocs.Fish(app), nil
	}
	return nil, errors.New("usage: man README.md | bash | zsh | fish")
}
