package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/runner"
)

// everyRunner returns the runners of this machine, and the one found from the current folder upwards.
func everyRunner() ([]runner.Layout, error) {
	var out []runner.Layout
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	here, err := runner.FindUp(dir)
	switch {
	case err == nil:
		out = append(out, here)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	return out, nil
}
