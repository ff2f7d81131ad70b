//go:build worker_wrap_coverage

package main

import (
	"os"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// init makes this build write which of its code ran, wherever it ends; see scripts/coverage.
func init() {
	origin.CoverageReady()
	exit = func(code int) {
		origin.WriteCoverage()
		os.Exit(code)
	}
}
