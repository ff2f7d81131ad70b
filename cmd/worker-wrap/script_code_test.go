package main

import (
	"os/exec"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// code runs a command that must end with an exit code and print one line on stderr that holds a text, and
// nothing on stdout: code 125 'text' cmd args…
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: code N 'text' cmd args…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := exec.Command(args[2], args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(cmd.Environ(), "WORKER_WRAP_DOCKER=off", "PATH="+ts.Getenv("PATH"))
	for _, name := range []string{"WORKER_WRAP_LOG", "WORKER_WRAP_WAIT", "WORKER_WRAP_BACKING", "WORKER_WRAP_FALLBACK", "WORKER_WRAP_ISOLATE"} {
		if value := ts.Getenv(name); value != "" {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	var out, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &stderr
	_ = cmd.Run()
	ts.Logf("%q ended with %d\n%s%s", args[2:], cmd.ProcessState.ExitCode(), out.String(), stderr.String())
	switch {
	case cmd.ProcessState.ExitCode() != want:
		ts.Fatalf("want exit code %d", want)
	case out.Len() > 0:
		ts.Fatalf("want nothing on stdout")
	case strings.Count(stderr.String(), "\n") != 1 || !strings.HasPrefix(stderr.String(), "worker-wrap: "):
		ts.Fatalf("want one line of worker-wrap's on stderr")
	case !strings.Contains(stderr.String(), args[1]):
		ts.Fatalf("want %q in it", args[1])
	}
}
