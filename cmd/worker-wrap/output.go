package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"
)

// exitUnread is the code for output that nobody reads any more, where other programs end by SIGPIPE: what a shell
// makes of that.
const exitUnread = 128 + int(unix.SIGPIPE)

// output is where subcommands print to. It keeps the first error, which many of them, and the cli package, do not
// look at.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// result is what becomes of err, which a subcommand has returned, if its output could not be written.
func (o *output) result(err error) error {
	said := err == nil || err.Error() == ""
	switch {
	case o.err == nil, !said && !errors.Is(err, o.err):
		return err
	case errors.Is(o.err, unix.EPIPE):
		return cli.Exit("", exitUnread)
	case said:
		return cli.Exit(fmt.Sprintf("cannot print: %v", o.err), exitUsage)
	}
	return err
}
