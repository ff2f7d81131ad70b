package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/worker-wrap/worker-wrap/internal/discover"
	"github.com/worker-wrap/worker-wrap/internal/runner"
	"github.com/worker-wrap/worker-wrap/internal/visible"
)

// everyRunner returns the runners of this machine, and the one found from the current folder upwards.
// A runner whose configuration cannot be read is named on stderr and does not hide the others.
func everyRunner() ([]runner.Layout, error) {
	found, err := discover.All("")
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker-wrap: left out:", visible.Line(err.Error()))
	}
	var out []runner.Layout
	for _, f := range found {
		out = append(out, f.Layout)
	}
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	here, err := runner.FindUp(dir)
	switch {
	case err == nil && !has(out, here):
		out = append(out, here)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return out, nil
}

// has reports whether a runner is among layouts, by another path perhaps.
func has(layouts []runner.Layout, l runner.Layout) bool {
	real, err := filepath.EvalSymlinks(l.Root)
	for _, other := range layouts {
		if other.Root == l.Root || err == nil && other.Root == real {
			return true
		}
	}
	return false
}
