// Runner.Worker is the stand-in Worker as a program of its own. Tests use it that compare a process's name and the file
// it runs, which differ for a script.
package main

import (
	"os"

	"github.com/worker-wrap/worker-wrap/internal/evidence/standin/worker"
)

func main() { os.Exit(worker.Main(os.Args)) }
