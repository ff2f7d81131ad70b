// Runner.Worker is the stand-in Worker as a program of its own, for tests that compare what a process
// is called and which file it runs, which differ for a script.
package main

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
)

func main() { os.Exit(worker.Main(os.Args)) }
