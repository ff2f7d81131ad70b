package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/worker-wrap/worker-wrap/internal/ground/journald"
	"github.com/worker-wrap/worker-wrap/internal/ground/visible"
	"github.com/worker-wrap/worker-wrap/internal/manage/screen"
)

// exitUnread is the code for output that nobody reads any more, where other programs end by SIGPIPE: what a shell
// makes of that.
const exitUnread = 128 + int(unix.SIGPIPE)

// output is where subcommands print to. It keeps the first error, which many of them, and the cli package, do not
// look at.
type output struct {
	w   io.Writer
	err error
	of  *output // which keeps the error too
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if o.err == nil {
		o.err = err
	}
	if o.of != nil && o.of.err == nil {
		o.of.err = err
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

// sayStderr writes a line to stderr, with what the journal wants before it if that is what stderr is.
func sayStderr(w io.Writer, p journald.Priority, line string) {
	before := "worker-wrap: "
	if journald.Connected(os.Stderr) {
		before = journald.Prefix(p)
	}
	fmt.Fprintln(w, before+visible.Line(line))
}

// theScreen is what a table is printed on. It shows control characters itself, and has colours, which the app's writer
// would show.
func theScreen(c *cli.Context) screen.Screen {
	out, ok := c.App.Writer.(*output)
	if !ok { // a test's
		return screen.Of(os.Stdout, c.App.Writer)
	}
	s := screen.Of(os.Stdout, &output{w: os.Stdout, of: out})
	s.Wide = c.Bool("wide")
	return s
}

func jsonFlag(what string) cli.Flag {
	return &cli.BoolFlag{Name: "json", Usage: "print " + what, DisableDefaultText: true}
}

func wideFlag() cli.Flag {
	return &cli.BoolFlag{Name: "wide", Usage: "show everything, in lines longer than the terminal too", DisableDefaultText: true}
}

// utcFlag has all that is printed in UTC.
func utcFlag() cli.Flag {
	return &cli.BoolFlag{Name: "utc", Usage: "print times in UTC (default: in the local zone)", DisableDefaultText: true, Action: func(*cli.Context, bool) error {
		time.Local = time.UTC
		return nil
	}}
}
