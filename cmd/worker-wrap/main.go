// worker-wrap gives each Worker of a GitHub Actions self-hosted runner a _temp of its own.
//
// As the interpreter of the script that stands in a Worker's place, and under the name Runner.Worker, it is the shim:
// all arguments are the Worker's. Else it is a program with subcommands.
package main

import (
	"fmt"
	"os"

	"github.com/worker-wrap/worker-wrap/internal/ground/runner"
	"github.com/worker-wrap/worker-wrap/internal/start/exits"
	"github.com/worker-wrap/worker-wrap/internal/start/shim"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

func main() {
	os.Exit(run(origin.Args()))
}

func run(args []string) int {
	if worker, ok := runner.Arguments(args); ok {
		return runWorker(worker)
	}
	origin.ShowEnvironment()
	if len(args) > 0 && args[0] == shim.InnerName {
		return report(shim.RunInner(args, origin.Environ()))
	}
	return runApp(args)
}

// runWorker is the start of every job: nothing is done here that the start does not need.
func runWorker(args []string) int { return report(shim.StartWorker(args, origin.Environ())) }

// report writes why a start failed, in one line, and returns the exit code.
func report(f *exits.Failure) int {
	if f.Err != nil {
		origin.Quiet()
		fmt.Fprintln(os.Stderr, "worker-wrap:", f)
	}
	return f.Code
}
