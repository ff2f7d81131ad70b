package testkit

import (
	"errors"
	"io"
	"os/exec"
	"testing"
)

// Feed starts cmd, and returns what writes to its standard input.
func Feed(t testing.TB, cmd *exec.Cmd) io.WriteCloser {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err := errors.Join(err, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	return in
}

// Talk starts cmd, and returns what writes to its standard input and what reads its standard output.
func Talk(t testing.TB, cmd *exec.Cmd) (io.WriteCloser, io.Reader) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	return Feed(t, cmd), out
}
