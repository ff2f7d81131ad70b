package main

import (
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/mounts"
	"github.com/worker-wrap/worker-wrap/nsenter/origin"
)

// Set by scripts/build.
var (
	version = "devel"
	commit  = "unknown"
)

func printVersion(w io.Writer) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	captured := "noted before the Go runtime starts"
	if !origin.Captured() {
		captured = "only what the Go runtime keeps of it: this binary was not built by scripts/build"
	}
	fmt.Fprintf(w, "worker-wrap %s (commit %s, %s %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "inherited state: %s\n", captured)
	fmt.Fprintf(w, "kernel: Linux %s\n", unix.ByteSliceToString(name.Release[:]))
	for _, f := range mounts.Probe() {
		have := "yes"
		if !f.Have {
			have = "no"
		}
		fmt.Fprintf(w, "  %-22s %-3s (since Linux %s)\n", f.Name, have, f.Since)
	}
	return nil
}
