//go:build worker_wrap_docs

package main

import (
	_ "embed"
	"fmt"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/clidocs"
)

//go:embed docs.md
var manTail string

// init makes this build a program of its own, which writes what is generated from the command line's
// definition and ends. It is kept out of the binary that is shipped: nobody needs it there.
//
//	go run -tags worker_wrap_docs ./cmd/worker-wrap man|bash|zsh|fish
func init() {
	what := ""
	if len(os.Args) == 2 {
		what = os.Args[1]
	}
	app := newApp()
	var out []byte
	switch what {
	case "man":
		out = clidocs.Man(app, clidocs.Page{Section: 8, Version: version, Tail: manTail})
	case "bash":
		out = clidocs.Bash(app)
	case "zsh":
		out = clidocs.Zsh(app)
	case "fish":
		out = clidocs.Fish(app)
	default:
		fmt.Fprintln(os.Stderr, "usage: man|bash|zsh|fish")
		os.Exit(2)
	}
	if _, err := os.Stdout.Write(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
