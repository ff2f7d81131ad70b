// Command goexec becomes the command that it is given, and does nothing else: so much of a start's cost remains in any
// program written in Go.
package main

import (
	"fmt"
	"os"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(125)
	}
	err := syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	fmt.Fprintln(os.Stderr, os.Args[1]+":", err)
	os.Exit(127)
}
