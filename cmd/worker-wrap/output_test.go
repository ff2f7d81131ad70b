package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/worker-wrap/worker-wrap/internal/manage/cmdline"
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
				code, text, lines = cmdline.ExitUsage, "write /dev/stdout: no space left on device", 1
			}
			if to == full && len(args) > 0 && args[0] == "audit" {
				code = cmdline.AuditFailed
			}
			got := stderr.String()
			if cmd.ProcessState.ExitCode() != code || !strings.Contains(got, text) || strings.Count(got, "\n") != lines {
				t.Errorf("%q to %s: exit code %d, %q; want %d, %d lines", args, to.Name(), cmd.ProcessState.ExitCode(), got, code, lines)
			}
		}
	}
}
