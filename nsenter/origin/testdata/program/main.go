// Command program is what the tests of package origin start: built with entry as its entry point, and without.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"

	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Shown is what it prints about itself.
type Shown struct {
	Captured  bool
	Noted     origin.Inherited
	Args      []string
	Environ   []string
	Displayed []string // by package os
	Limit     uint64   // RLIMIT_NOFILE, soft
}

func main() {
	args := origin.Args()
	switch args[1] {
	case "show":
		var limit syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			panic(err)
		}
		shown := Shown{Captured: origin.Captured(), Noted: origin.Noted(), Args: args, Environ: origin.Environ(), Displayed: os.Environ(), Limit: limit.Cur}
		if err := json.NewEncoder(os.NewFile(1, "stdout")).Encode(shown); err != nil {
			panic(err)
		}
	case "exec":
		fmt.Fprintln(os.Stderr, origin.Exec(args[2], args[2:], origin.Environ()))
		os.Exit(1)
	case "thread":
		for range 2 * runtime.NumCPU() {
			go func() {
				for {
					runtime.Gosched()
				}
			}()
		}
		for range 10_000 {
			if runtime.Gosched(); syscall.Gettid() != os.Getpid() {
				fmt.Fprintln(os.Stderr, "main is on another thread")
				os.Exit(1)
			}
		}
	case "panic":
		panic(args[2])
	case "trace":
		origin.Traces()
		panic(args[2])
	case "raise":
		origin.Raise(syscall.SIGQUIT)
	}
}
