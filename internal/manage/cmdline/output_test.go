package cmdline

import (
	"errors"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

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
		{unix.ENOSPC, nil, ExitUsage, unix.ENOSPC.Error()},
		{unix.ENOSPC, said, ExitUsage, unix.ENOSPC.Error()},
		{unix.ENOSPC, own, 3, "own"},
		{unix.ENOSPC, cli.Exit(unix.ENOSPC, 2), 2, unix.ENOSPC.Error()},
	} {
		err := (&Output{err: c.write}).Result(c.err)
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
