package main

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/testkit"
)

// TestOutputCannotBeWritten: what is printed does not get lost unsaid; and where it was a pipe whose reader has
// ended, as head does, nothing is said.
func TestOutputCannotBeWritten(t *testing.T) {
	binary := testkit.Binary(t)
	root, _ := testkit.Runner(t, testkit.Dir(t), binary, "/bin/sh")
	reader, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	defer pipe.Close()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{
		{},
		{"--help"},
		{"--version"},
		{"gc", "--help"},
		{"gc", "--runner-root", root, "--dry-run"},
		{"gc", "--runner-root", root, "--json"},
		{"install", "--runner-root", root, "--dry-run"},
		{"status", "--runner-root", root},
		{"demo"},
		{"audit", testkit.Root() + "/internal/evidence/audit/testdata/issue-4357"},
		{"ps", "--json"},
	} {
		for _, to := range []*os.File{pipe, full} {
			var stderr strings.Builder
			cmd := exec.Command(binary, args...)
			cmd.Stdout, cmd.Stderr = to, &stderr
			_ = cmd.Run()
			code, text, lines := 141, "", 0
			if to == full {
				code, text, lines = exitUsage, "write /dev/stdout: no space left on device", 1
			}
			if to == full && len(args) > 0 && args[0] == "audit" {
				code = auditFailed
			}
			got := stderr.String()
			if cmd.ProcessState.ExitCode() != code || !strings.Contains(got, text) || strings.Count(got, "\n") != lines {
				t.Errorf("%q to %s: exit code %d, %q; want %d, %d lines", args, to.Name(), cmd.ProcessState.ExitCode(), got, code, lines)
			}
		}
	}
}

// TestOutputResult: a subcommand's own failure is not hidden by one of the output.
func TestOutputResult(t *testing.T) {
	own, said := cli.Exit("own", 3), cli.Exit("", 1)
	for _, c := range []struct {
		write, err error
		code       int
		text       string
	}{
		{nil, nil, 0, ""},
		{nil, said, 1, ""},
		{nil, own, 3, "own"},
		{unix.EPIPE, nil, 141, ""},
		{unix.EPIPE, said, 141, ""},
		{unix.EPIPE, own, 3, "own"},
		{unix.EPIPE, cli.Exit(unix.EPIPE, 2), 141, ""},
		{unix.ENOSPC, nil, exitUsage, unix.ENOSPC.Error()},
		{unix.ENOSPC, said, exitUsage, unix.ENOSPC.Error()},
		{unix.ENOSPC, own, 3, "own"},
		{unix.ENOSPC, cli.Exit(unix.ENOSPC, 2), 2, unix.ENOSPC.Error()},
	} {
		err := (&output{err: c.write}).result(c.err)
		code, text := 0, ""
		var coder cli.ExitCoder
		if errors.As(err, &coder) {
			code, text = coder.ExitCode(), err.Error()
		}
		if code != c.code || !strings.Contains(text, c.text) || (text == "") != (c.text == "") {
			t.Errorf("%v, %v: %v with code %d, want %d", c.write, c.err, err, code, c.code)
		}
	}
}
